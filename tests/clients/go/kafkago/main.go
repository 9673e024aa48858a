// kafka-go, which speaks old versions of the group APIs whatever the broker offers: a reader in a
// group, told what to do line by line. See serving.
package main

import (
	"context"
	"errors"
	"time"

	"clients/serving"

	kafka "github.com/segmentio/kafka-go"
)

type client struct{ serving.Client }

func main() { serving.Serve(client{}) }

func (client) Produce(ask serving.Ask) ([]int64, error) {
	writer := kafka.Writer{
		Addr:                   kafka.TCP(ask.Servers),
		Topic:                  ask.Topic,
		RequiredAcks:           kafka.RequireAll,
		BatchTimeout:           10 * time.Millisecond,
		AllowAutoTopicCreation: true,
	}
	var messages []kafka.Message
	for _, each := range ask.Records {
		messages = append(messages, kafka.Message{
			Key:   serving.Data(each.Key),
			Value: serving.Data(each.Value),
			Time:  time.UnixMilli(each.Timestamp),
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), serving.Patience)
	defer cancel()
	return []int64{}, errors.Join(writer.WriteMessages(ctx, messages...), writer.Close())
}

type member struct {
	serving.Inbox
	reader *kafka.Reader
}

func (client) Join(ask serving.Ask) (serving.Reader, error) {
	m := &member{reader: kafka.NewReader(kafka.ReaderConfig{
		Brokers:           []string{ask.Servers},
		GroupID:           ask.Group,
		Topic:             ask.Topic,
		StartOffset:       kafka.FirstOffset,
		HeartbeatInterval: 100 * time.Millisecond,
		MaxWait:           100 * time.Millisecond,
	})}
	go func() {
		for {
			message, err := m.reader.FetchMessage(context.Background())
			if err != nil {
				m.Fail(err)
				return
			}
			m.Put(serving.Record{
				Partition: int32(message.Partition),
				Offset:    message.Offset,
				Timestamp: message.Time.UnixMilli(),
				Key:       serving.Text(message.Key),
				Value:     serving.Text(message.Value),
				Headers:   [][2]string{},
			})
		}
	}()
	return m, nil
}

func (m *member) Commit(topic string, offset int64) error {
	ctx, cancel := context.WithTimeout(context.Background(), serving.Patience)
	defer cancel()
	return m.reader.CommitMessages(ctx, kafka.Message{Topic: topic, Offset: offset - 1})
}

func (m *member) Close() error { return m.reader.Close() }
