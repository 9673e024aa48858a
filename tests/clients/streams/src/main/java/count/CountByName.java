package count;

import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.Stores;

/** Kafka Streams: how many events of each name a topic has. */
public final class CountByName {
  private static final int PATIENCE_SECONDS = 30;

  /**
   * Count events in JSON from one topic into another, until so many are counted.
   *
   * <p>Arguments: the broker, the topics to read and to write, how many events, the processing
   * guarantee, a directory for state.
   */
  public static void main(String[] arguments) throws Exception {
    String servers = arguments[0];
    String source = arguments[1];
    String target = arguments[2];
    int events = Integer.parseInt(arguments[3]);
    String guarantee = arguments[4];
    String state = arguments[5];

    AtomicInteger missing = new AtomicInteger(events);
    CompletableFuture<Void> counted = new CompletableFuture<>();
    StreamsBuilder builder = new StreamsBuilder();
    builder.stream(source, Consumed.with(Serdes.String(), Serdes.String()))
        .groupBy((key, value) -> name(value), Grouped.with(Serdes.String(), Serdes.String()))
        .count(
            Materialized.<String, Long>as(Stores.inMemoryKeyValueStore("counts"))
                .withKeySerde(Serdes.String())
                .withValueSerde(Serdes.Long()))
        .toStream()
        .mapValues(String::valueOf)
        .peek(
            (name, count) -> {
              if (missing.decrementAndGet() == 0) {
                counted.complete(null);
              }
            })
        .to(target, Produced.with(Serdes.String(), Serdes.String()));

    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "count-by-name");
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, servers);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, state);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, guarantee);
    settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0); // every count is told
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
    settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
    try (KafkaStreams streams = new KafkaStreams(builder.build(), settings)) {
      streams.setUncaughtExceptionHandler(
          error -> {
            counted.completeExceptionally(error);
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
          });
      streams.start();
      counted.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    }
  }

  /** The name of an event in JSON. */
  private static String name(String event) {
    return event.replaceFirst("(?s).*?\"name\"\\s*:\\s*\"(\\w+)\".*", "$1");
  }
}
