package main

import (
	"context"
	"fmt"

	"clients/serving"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// administer does something with a client for administration.
func administer[T any](
	ask serving.Ask, work func(context.Context, *kadm.Client) (T, error),
) (T, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(ask.Addresses()...))
	if err != nil {
		var nothing T
		return nothing, err
	}
	defer client.Close()
	ctx, cancel := within()
	defer cancel()
	return work(ctx, kadm.NewClient(client))
}

// do is administer for what returns nothing.
func do(ask serving.Ask, work func(context.Context, *kadm.Client) error) error {
	_, err := administer(ask, func(ctx context.Context, admin *kadm.Client) (any, error) {
		return nil, work(ctx, admin)
	})
	return err
}

func (franz) CreateTopic(ask serving.Ask) error {
	return do(ask, func(ctx context.Context, admin *kadm.Client) error {
		configs := map[string]*string{}
		for name, value := range ask.Config {
			configs[name] = kadm.StringPtr(value)
		}
		_, err := admin.CreateTopic(ctx, ask.Partitions, 1, configs, ask.Topic)
		return err
	})
}

func (franz) Grow(ask serving.Ask) error {
	return do(ask, func(ctx context.Context, admin *kadm.Client) error {
		answers, err := admin.UpdatePartitions(ctx, int(ask.Partitions), ask.Topic)
		if err != nil {
			return err
		}
		return answers.Error()
	})
}

func (franz) Topics(ask serving.Ask) (map[string]int, error) {
	return administer(ask, func(ctx context.Context, admin *kadm.Client) (map[string]int, error) {
		found, err := admin.ListTopics(ctx)
		topics := map[string]int{}
		for name, each := range found {
			topics[name] = len(each.Partitions)
		}
		return topics, err
	})
}

func (franz) Config(ask serving.Ask) (string, error) {
	return administer(ask, func(ctx context.Context, admin *kadm.Client) (string, error) {
		found, err := admin.DescribeTopicConfigs(ctx, ask.Topic)
		if err != nil {
			return "", err
		}
		topic, err := found.On(ask.Topic, nil)
		if err != nil {
			return "", err
		}
		for _, config := range topic.Configs {
			if config.Key == ask.Name {
				return config.MaybeValue(), topic.Err
			}
		}
		return "", fmt.Errorf("no %s in %v", ask.Name, topic)
	})
}

func (franz) Configure(ask serving.Ask) error {
	return do(ask, func(ctx context.Context, admin *kadm.Client) error {
		change := kadm.AlterConfig{Op: kadm.SetConfig, Name: ask.Name, Value: &ask.Value}
		answers, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{change}, ask.Topic)
		for _, answer := range answers {
			if answer.Err != nil {
				return answer.Err
			}
		}
		return err
	})
}

func (franz) Groups(ask serving.Ask) ([]string, error) {
	return administer(ask, func(ctx context.Context, admin *kadm.Client) ([]string, error) {
		found, err := admin.ListGroups(ctx)
		return found.Groups(), err
	})
}

func (franz) CommittedOffset(ask serving.Ask) (int64, error) {
	return administer(ask, func(ctx context.Context, admin *kadm.Client) (int64, error) {
		found, err := admin.FetchOffsets(ctx, ask.Group)
		if err != nil {
			return 0, err
		}
		offset, _ := found.Lookup(ask.Topic, 0)
		return offset.At, offset.Err
	})
}

func (franz) DeleteGroup(ask serving.Ask) error {
	return do(ask, func(ctx context.Context, admin *kadm.Client) error {
		answer, err := admin.DeleteGroup(ctx, ask.Group)
		if err != nil {
			return err
		}
		return answer.Err
	})
}

func (franz) DeleteTopic(ask serving.Ask) error {
	return do(ask, func(ctx context.Context, admin *kadm.Client) error {
		answer, err := admin.DeleteTopic(ctx, ask.Topic)
		if err != nil {
			return err
		}
		return answer.Err
	})
}
