// What the programs of this directory share: the conversation with the tests, and records that
// wait to be taken.

import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const PATIENCE_MS = 30_000;

/** A consumer that reads in the background: `put` and `assign` are for what reads. */
export class Reader {
  #records = [];
  #error;
  assigned = [];
  commit; // (topic, offset)
  close;

  put(record) {
    this.#records.push(record);
  }

  fail(error) {
    this.#error = error;
  }

  async take(count) {
    const end = Date.now() + PATIENCE_MS;
    while (this.#records.length < count) {
      if (this.#error) throw this.#error;
      if (Date.now() > end) throw new Error(`${this.#records.length} of ${count} records came`);
      await sleep(2);
    }
    return this.#records.splice(0, count);
  }
}

/** Answer every line of the standard input: `do` names one of `commands`, or of a reader's. */
export async function serve(commands) {
  const readers = [];
  const ofReaders = {
    take: ({ reader, count }) => readers[reader].take(count),
    assigned: ({ reader }) => readers[reader].assigned,
    commit: ({ reader, topic, offset }) => readers[reader].commit(topic, offset),
    close: ({ reader }) => readers[reader].close(),
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: name, ...asked } = JSON.parse(line);
    let answer;
    try {
      let result = await (ofReaders[name] ?? commands[name])(asked);
      if (result instanceof Reader) result = readers.push(result) - 1;
      answer = { ok: result ?? null };
    } catch (error) {
      console.error(error);
      answer = { error: String(error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit(0);
}

export const text = (data) => data?.toString() ?? null;
