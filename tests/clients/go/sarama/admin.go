package main

import (
	"fmt"

	"clients/serving"

	"github.com/IBM/sarama"
)

// administer does something with a client for administration.
func administer[T any](ask serving.Ask, work func(sarama.ClusterAdmin) (T, error)) (T, error) {
	admin, err := sarama.NewClusterAdmin(ask.Addresses(), config())
	if err != nil {
		var nothing T
		return nothing, err
	}
	defer admin.Close()
	return work(admin)
}

// do is administer for what returns nothing.
func do(ask serving.Ask, work func(sarama.ClusterAdmin) error) error {
	_, err := administer(ask, func(admin sarama.ClusterAdmin) (any, error) {
		return nil, work(admin)
	})
	return err
}

func (client) CreateTopic(ask serving.Ask) error {
	return do(ask, func(admin sarama.ClusterAdmin) error {
		entries := map[string]*string{}
		for name, value := range ask.Config {
			entries[name] = &value
		}
		detail := &sarama.TopicDetail{
			NumPartitions: ask.Partitions, ReplicationFactor: 1, ConfigEntries: entries,
		}
		return admin.CreateTopic(ask.Topic, detail, false)
	})
}

func (client) Grow(ask serving.Ask) error {
	return do(ask, func(admin sarama.ClusterAdmin) error {
		return admin.CreatePartitions(ask.Topic, ask.Partitions, nil, false)
	})
}

func (client) Topics(ask serving.Ask) (map[string]int, error) {
	return administer(ask, func(admin sarama.ClusterAdmin) (map[string]int, error) {
		found, err := admin.ListTopics()
		topics := map[string]int{}
		for name, each := range found {
			topics[name] = int(each.NumPartitions)
		}
		return topics, err
	})
}

func (client) Config(ask serving.Ask) (string, error) {
	return administer(ask, func(admin sarama.ClusterAdmin) (string, error) {
		found, err := admin.DescribeConfig(sarama.ConfigResource{
			Type: sarama.TopicResource, Name: ask.Topic, ConfigNames: []string{ask.Name},
		})
		if err != nil {
			return "", err
		}
		if len(found) != 1 {
			return "", fmt.Errorf("one setting was asked for: %v", found)
		}
		return found[0].Value, nil
	})
}

func (client) Configure(ask serving.Ask) error {
	return do(ask, func(admin sarama.ClusterAdmin) error {
		entry := sarama.IncrementalAlterConfigsEntry{
			Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &ask.Value,
		}
		entries := map[string]sarama.IncrementalAlterConfigsEntry{ask.Name: entry}
		return admin.IncrementalAlterConfig(sarama.TopicResource, ask.Topic, entries, false)
	})
}

func (client) Groups(ask serving.Ask) ([]string, error) {
	return administer(ask, func(admin sarama.ClusterAdmin) ([]string, error) {
		found, err := admin.ListConsumerGroups()
		groups := []string{}
		for name := range found {
			groups = append(groups, name)
		}
		return groups, err
	})
}

func (client) CommittedOffset(ask serving.Ask) (int64, error) {
	return administer(ask, func(admin sarama.ClusterAdmin) (int64, error) {
		asked := map[string][]int32{ask.Topic: {0}}
		found, err := admin.ListConsumerGroupOffsets(ask.Group, asked)
		if err != nil {
			return 0, err
		}
		return found.GetBlock(ask.Topic, 0).Offset, nil
	})
}

func (client) DeleteGroup(ask serving.Ask) error {
	return do(ask, func(admin sarama.ClusterAdmin) error {
		return admin.DeleteConsumerGroup(ask.Group)
	})
}

func (client) DeleteTopic(ask serving.Ask) error {
	return do(ask, func(admin sarama.ClusterAdmin) error {
		return admin.DeleteTopic(ask.Topic)
	})
}
