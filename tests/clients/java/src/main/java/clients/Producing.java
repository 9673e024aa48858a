package clients;

import clients.Program.Ask;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** What producers do. */
final class Producing {
  private Producing() {}

  static List<Long> produce(Ask ask) throws Exception {
    Properties settings = settings(ask.servers());
    settings.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, ask.text("codec"));
    try (var producer = new KafkaProducer<byte[], byte[]>(settings)) {
      return send(producer, ask);
    }
  }

  static void transact(Ask ask) throws Exception {
    try (var producer = transactional(ask)) {
      producer.beginTransaction();
      send(producer, ask);
      if (ask.flag("commit")) {
        producer.commitTransaction();
      } else {
        producer.abortTransaction();
      }
    }
  }

  /** Upper-case records, with the group's offset in the same transaction. */
  static void relay(Ask ask) throws Exception {
    String source = ask.text("source");
    try (var consumer = Reader.member(ask.servers(), ask.text("group"), source, null);
        var producer = transactional(ask)) {
      List<ConsumerRecord<byte[], byte[]>> taken = new ArrayList<>();
      while (taken.size() < ask.number("count")) {
        consumer.poll(Duration.ofMillis(50)).forEach(taken::add);
      }
      taken = taken.subList(0, ask.number("count"));
      producer.beginTransaction();
      for (var record : taken) {
        String value = Reader.text(record.value()).toUpperCase();
        producer.send(new ProducerRecord<>(ask.text("target"), 0, null, data(value)));
      }
      long next = taken.get(taken.size() - 1).offset() + 1;
      producer.sendOffsetsToTransaction(
          Map.of(new TopicPartition(source, 0), new OffsetAndMetadata(next)),
          consumer.groupMetadata());
      producer.commitTransaction();
    }
  }

  private static KafkaProducer<byte[], byte[]> transactional(Ask ask) {
    Properties settings = settings(ask.servers());
    settings.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, ask.text("transaction"));
    var producer = new KafkaProducer<byte[], byte[]>(settings);
    producer.initTransactions();
    return producer;
  }

  private static Properties settings(String servers) {
    Properties settings = new Properties();
    settings.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, servers);
    settings.put(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
    settings.put(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
    return settings;
  }

  private static List<Long> send(KafkaProducer<byte[], byte[]> producer, Ask ask)
      throws Exception {
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    for (var draft : ask.records()) {
      var record =
          new ProducerRecord<>(
              ask.topic(),
              (Integer) draft.get("partition"),
              ((Number) draft.get("timestamp")).longValue(),
              data((String) draft.get("key")),
              data((String) draft.get("value")));
      @SuppressWarnings("unchecked")
      var headers = (List<List<String>>) draft.get("headers");
      headers.forEach(each -> record.headers().add(each.get(0), data(each.get(1))));
      sent.add(producer.send(record));
    }
    List<Long> offsets = new ArrayList<>();
    for (var each : sent) {
      offsets.add(each.get(Reader.PATIENCE_SECONDS, TimeUnit.SECONDS).offset());
    }
    return offsets;
  }

  private static byte[] data(String text) {
    return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
  }
}
