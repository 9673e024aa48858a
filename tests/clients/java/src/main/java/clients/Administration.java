package clients;

import clients.Program.Ask;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** What administrators do. */
final class Administration {
  private Administration() {}

  static Object answer(Ask ask) throws Exception {
    Map<String, Object> settings =
        Map.of(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG, ask.servers());
    try (Admin admin = Admin.create(settings)) {
      return answer(admin, ask);
    }
  }

  private static Object answer(Admin admin, Ask ask) throws Exception {
    String topic = ask.topic();
    String group = ask.text("group");
    var resource = new ConfigResource(ConfigResource.Type.TOPIC, topic == null ? "" : topic);
    switch (ask.text("do")) {
      case "create_topic":
        var created = new NewTopic(topic, ask.number("partitions"), (short) 1);
        return admin.createTopics(List.of(created.configs(ask.config()))).all().get();
      case "grow":
        var more = NewPartitions.increaseTo(ask.number("partitions"));
        return admin.createPartitions(Map.of(topic, more)).all().get();
      case "topics":
        Map<String, Integer> topics = new HashMap<>();
        var names = admin.listTopics().names().get();
        admin
            .describeTopics(names)
            .allTopicNames()
            .get()
            .forEach((name, each) -> topics.put(name, each.partitions().size()));
        return topics;
      case "config":
        var described = admin.describeConfigs(List.of(resource)).all().get();
        return described.get(resource).get(ask.text("name")).value();
      case "configure":
        var entry = new ConfigEntry(ask.text("name"), ask.text("value"));
        var change = new AlterConfigOp(entry, AlterConfigOp.OpType.SET);
        return admin.incrementalAlterConfigs(Map.of(resource, List.of(change))).all().get();
      case "groups":
        return admin.listGroups().all().get().stream().map(GroupListing::groupId).toList();
      case "committed":
        var offsets = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        return offsets.get(new TopicPartition(topic, 0)).offset();
      case "delete_group":
        return admin.deleteConsumerGroups(List.of(group)).all().get();
      case "delete_topic":
        return admin.deleteTopics(List.of(topic)).all().get();
      default:
        throw new IllegalArgumentException("no such command: " + ask.text("do"));
    }
  }
}
