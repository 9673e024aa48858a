// Checks AsyncAPI documents with the AsyncAPI project's own parser.
//
//   npm install --ignore-scripts --no-package-lock --prefix .ci/asyncapi
//   node .ci/asyncapi/check.mjs [document ...]
//
// Without arguments: every document that the catalogue ships. Prints every diagnostic as
// file:line:column: severity: message (rule). Exit status 1 when one of them is an error or a
// document does not parse; warnings and infos do not fail the check.

import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Parser } from "@asyncapi/parser";

const SEVERITIES = ["error", "warning", "info", "hint"];
const SHIPPED = fileURLToPath(new URL("../../simulator/catalog/documents", import.meta.url));

async function shippedDocuments() {
  const names = (await readdir(SHIPPED)).filter((name) => /\.(ya?ml|json)$/.test(name));
  return names.sort().map((name) => join(SHIPPED, name));
}

const parser = new Parser();
const files = process.argv.length > 2 ? process.argv.slice(2) : await shippedDocuments();
let bad = files.length === 0 ? ["no document to check"] : [];

for (const file of files) {
  const shown = relative(process.cwd(), file);
  const { document, diagnostics } = await parser.parse(await readFile(file, "utf8"));
  for (const { severity, range, message, code } of diagnostics) {
    const place = `${shown}:${range.start.line + 1}:${range.start.character + 1}`;
    console.log(`${place}: ${SEVERITIES[severity]}: ${message} (${code})`);
  }
  const errors = diagnostics.filter(({ severity }) => severity === 0).length;
  if (errors > 0) bad.push(`${shown}: ${errors} errors`);
  else if (!document) bad.push(`${shown}: not an AsyncAPI document`);
  else console.log(`${shown}: AsyncAPI ${document.version()}, no errors`);
}

for (const line of bad) console.error(line);
process.exitCode = bad.length > 0 ? 1 : 0;
