package clients;

import clients.Program.Ask;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** A consumer, polled by a thread of its own. */
final class Reader {
  static final int PATIENCE_SECONDS = 30;

  private final KafkaConsumer<byte[], byte[]> consumer;
  private final Thread thread = new Thread(this::run);
  private final BlockingQueue<Map<String, Object>> records = new LinkedBlockingQueue<>();
  private final BlockingQueue<Runnable> calls = new LinkedBlockingQueue<>();
  private volatile List<Integer> assigned = List.of();
  private volatile RuntimeException failure;
  private volatile boolean closing;

  private Reader(KafkaConsumer<byte[], byte[]> consumer) {
    this.consumer = consumer;
    thread.start();
  }

  /** A reader of partition 0, in no group, that is in place. */
  static Reader open(Ask ask) {
    Properties settings = settings(ask.servers());
    settings.put(
        ConsumerConfig.ISOLATION_LEVEL_CONFIG,
        ask.flag("committed") ? "read_committed" : "read_uncommitted");
    var consumer = new KafkaConsumer<byte[], byte[]>(settings);
    var place = new TopicPartition(ask.topic(), 0);
    consumer.assign(List.of(place));
    switch (ask.text("start")) {
      case "earliest" -> consumer.seekToBeginning(List.of(place));
      case "latest" -> consumer.seekToEnd(List.of(place));
      case "offset" -> consumer.seek(place, ask.number("at"));
      default -> {
        long at = ask.number("at");
        consumer.seek(place, consumer.offsetsForTimes(Map.of(place, at)).get(place).offset());
      }
    }
    consumer.position(place);
    return new Reader(consumer);
  }

  /** A new member of a group. */
  static Reader join(Ask ask) {
    return new Reader(member(ask.servers(), ask.text("group"), ask.topic(), ask.text("protocol")));
  }

  static KafkaConsumer<byte[], byte[]> member(
      String servers, String group, String topic, String protocol) {
    Properties settings = settings(servers);
    settings.put(ConsumerConfig.GROUP_ID_CONFIG, group);
    settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    if (protocol == null) {
      settings.put(ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG, 100);
    } else {
      settings.put(ConsumerConfig.GROUP_PROTOCOL_CONFIG, protocol);
    }
    var consumer = new KafkaConsumer<byte[], byte[]>(settings);
    consumer.subscribe(List.of(topic));
    return consumer;
  }

  private static Properties settings(String servers) {
    Properties settings = new Properties();
    settings.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, servers);
    settings.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    settings.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    settings.put(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, 100); // so that it closes quickly
    return settings;
  }

  List<Integer> assigned() {
    return assigned;
  }

  /** The next records, waiting for them. */
  List<Map<String, Object>> take(int count) throws Exception {
    List<Map<String, Object>> taken = new ArrayList<>();
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (taken.size() < count) {
      if (failure != null) {
        throw failure;
      }
      if (System.nanoTime() > end) {
        throw new TimeoutException(taken.size() + " of " + count + " records came");
      }
      Map<String, Object> next = records.poll(50, TimeUnit.MILLISECONDS);
      if (next != null) {
        taken.add(next);
      }
    }
    return taken;
  }

  void commit(String topic, int offset) throws Exception {
    var offsets = Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(offset));
    var done = new CompletableFuture<Void>();
    calls.add(
        () -> {
          try {
            consumer.commitSync(offsets);
            done.complete(null);
          } catch (RuntimeException error) {
            done.completeExceptionally(error);
          }
        });
    done.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
  }

  void close() throws InterruptedException {
    closing = true;
    consumer.wakeup();
    thread.join();
  }

  private void run() {
    try (consumer) {
      while (!closing) {
        for (var record : consumer.poll(Duration.ofMillis(50))) {
          records.add(told(record));
        }
        assigned = consumer.assignment().stream().map(TopicPartition::partition).toList();
        for (Runnable call; (call = calls.poll()) != null; ) {
          call.run();
        }
      }
    } catch (WakeupException closed) {
      // As `close` wants it.
    } catch (RuntimeException error) {
      failure = error;
    }
  }

  private static Map<String, Object> told(ConsumerRecord<byte[], byte[]> record) {
    List<List<String>> headers = new ArrayList<>();
    record.headers().forEach(each -> headers.add(List.of(each.key(), text(each.value()))));
    Map<String, Object> told = new HashMap<>();
    told.put("partition", record.partition());
    told.put("offset", record.offset());
    told.put("timestamp", record.timestamp());
    told.put("key", text(record.key()));
    told.put("value", text(record.value()));
    told.put("headers", headers);
    return told;
  }

  static String text(byte[] data) {
    return data == null ? null : new String(data, StandardCharsets.UTF_8);
  }
}
