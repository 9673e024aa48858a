package clients;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * kafka-clients, told what to do line by line: every line of the standard input
 * is a command as a JSON object, and is answered by a line.
 */
public final class Program {
  /** A command: which of the fields count depends on {@code do}. */
  public record Ask(Map<String, Object> fields) {
    String text(String name) {
      return (String) fields.get(name);
    }

    int number(String name) {
      return ((Number) fields.get(name)).intValue();
    }

    boolean flag(String name) {
      return (Boolean) fields.get(name);
    }

    String servers() {
      return text("servers");
    }

    String topic() {
      return text("topic");
    }

    @SuppressWarnings("unchecked")
    List<Map<String, Object>> records() {
      return (List<Map<String, Object>>) fields.get("records");
    }

    @SuppressWarnings("unchecked")
    Map<String, String> config() {
      return (Map<String, String>) fields.get("config");
    }
  }

  private final List<Reader> readers = new ArrayList<>();

  public static void main(String[] arguments) throws Exception {
    ObjectMapper json = new ObjectMapper();
    PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    Program program = new Program();
    var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = lines.readLine()) != null; ) {
      @SuppressWarnings("unchecked")
      Ask ask = new Ask(json.readValue(line, HashMap.class));
      Map<String, Object> answer = new HashMap<>();
      try {
        answer.put("ok", program.answer(ask));
      } catch (Exception error) {
        error.printStackTrace();
        answer.put("error", error.toString());
      }
      answers.println(json.writeValueAsString(answer));
    }
    System.exit(0);
  }

  private Object answer(Ask ask) throws Exception {
    switch (ask.text("do")) {
      case "open":
        return add(Reader.open(ask));
      case "join":
        return add(Reader.join(ask));
      case "take":
        return reader(ask).take(ask.number("count"));
      case "assigned":
        return reader(ask).assigned();
      case "commit":
        reader(ask).commit(ask.topic(), ask.number("offset"));
        return null;
      case "close":
        reader(ask).close();
        return null;
      case "produce":
        return Producing.produce(ask);
      case "transact":
        Producing.transact(ask);
        return null;
      case "relay":
        Producing.relay(ask);
        return null;
      default:
        return Administration.answer(ask);
    }
  }

  private int add(Reader reader) {
    readers.add(reader);
    return readers.size() - 1;
  }

  private Reader reader(Ask ask) {
    return readers.get(ask.number("reader"));
  }
}
