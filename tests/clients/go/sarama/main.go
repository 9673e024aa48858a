// sarama, told what to do line by line: see serving.
package main

import (
	"bytes"
	"context"
	"errors"
	"time"

	"clients/serving"

	"github.com/IBM/sarama"
)

type client struct{}

func main() { serving.Serve(client{}) }

func config() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.ClientID = "sarama"
	return config
}

// Producing

var codecs = map[string]sarama.CompressionCodec{
	"none":   sarama.CompressionNone,
	"gzip":   sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy,
	"lz4":    sarama.CompressionLZ4,
	"zstd":   sarama.CompressionZSTD,
}

func producer(ask serving.Ask, change func(*sarama.Config)) (sarama.SyncProducer, error) {
	config := config()
	config.Producer.Return.Successes = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Partitioner = sarama.NewManualPartitioner
	change(config)
	return sarama.NewSyncProducer(ask.Addresses(), config)
}

func transactional(ask serving.Ask) (sarama.SyncProducer, error) {
	return producer(ask, func(config *sarama.Config) {
		config.Producer.Idempotent = true
		config.Producer.Transaction.ID = ask.Transaction
		config.Net.MaxOpenRequests = 1
	})
}

func drafts(ask serving.Ask) []*sarama.ProducerMessage {
	var messages []*sarama.ProducerMessage
	for _, each := range ask.Records {
		message := &sarama.ProducerMessage{
			Topic:     ask.Topic,
			Partition: each.Partition,
			Timestamp: time.UnixMilli(each.Timestamp),
			Key:       encoder(each.Key),
			Value:     encoder(each.Value),
		}
		for _, header := range each.Headers {
			message.Headers = append(message.Headers,
				sarama.RecordHeader{Key: []byte(header[0]), Value: []byte(header[1])})
		}
		messages = append(messages, message)
	}
	return messages
}

func encoder(text *string) sarama.Encoder {
	if text == nil {
		return nil
	}
	return sarama.StringEncoder(*text)
}

func (client) Produce(ask serving.Ask) ([]int64, error) {
	producer, err := producer(ask, func(config *sarama.Config) {
		config.Producer.Compression = codecs[ask.Codec]
	})
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	messages := drafts(ask)
	if err := producer.SendMessages(messages); err != nil {
		return nil, err
	}
	var offsets []int64
	for _, message := range messages {
		offsets = append(offsets, message.Offset)
	}
	return offsets, nil
}

func (client) Transact(ask serving.Ask) error {
	producer, err := transactional(ask)
	if err != nil {
		return err
	}
	defer producer.Close()
	if err := producer.BeginTxn(); err != nil {
		return err
	}
	if err := producer.SendMessages(drafts(ask)); err != nil {
		return err
	}
	if ask.Commit {
		return producer.CommitTxn()
	}
	return producer.AbortTxn()
}

// Relay upper-cases records, with the group's offset in the same transaction.
func (client) Relay(ask serving.Ask) error {
	producer, err := transactional(ask)
	if err != nil {
		return err
	}
	defer producer.Close()
	member, err := join(ask.Addresses(), ask.Group, ask.Source)
	if err != nil {
		return err
	}
	defer member.Close()
	taken, err := member.Take(ask.Count)
	if err != nil {
		return err
	}
	if err := producer.BeginTxn(); err != nil {
		return err
	}
	for _, record := range taken {
		value := sarama.ByteEncoder(bytes.ToUpper([]byte(*record.Value)))
		if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: ask.Target, Value: value}); err != nil {
			return err
		}
	}
	next := &sarama.PartitionOffsetMetadata{Partition: 0, Offset: taken[len(taken)-1].Offset + 1}
	offsets := map[string][]*sarama.PartitionOffsetMetadata{ask.Source: {next}}
	if err := producer.AddOffsetsToTxn(offsets, ask.Group); err != nil {
		return err
	}
	return producer.CommitTxn()
}

func told(message *sarama.ConsumerMessage) serving.Record {
	headers := [][2]string{}
	for _, header := range message.Headers {
		headers = append(headers, [2]string{string(header.Key), string(header.Value)})
	}
	return serving.Record{
		Partition: message.Partition,
		Offset:    message.Offset,
		Timestamp: message.Timestamp.UnixMilli(),
		Key:       serving.Text(message.Key),
		Value:     serving.Text(message.Value),
		Headers:   headers,
	}
}

// Reading one partition

type reader struct {
	serving.Inbox
	consumer sarama.Consumer
	client   sarama.Client
}

func (client) Open(ask serving.Ask) (serving.Reader, error) {
	config := config()
	if ask.Committed {
		config.Consumer.IsolationLevel = sarama.ReadCommitted
	}
	client, err := sarama.NewClient(ask.Addresses(), config)
	if err != nil {
		return nil, err
	}
	offset := ask.At
	switch ask.Start {
	case "earliest":
		offset = sarama.OffsetOldest
	case "latest":
		offset = sarama.OffsetNewest
	case "timestamp":
		if offset, err = client.GetOffset(ask.Topic, 0, ask.At); err != nil {
			return nil, err
		}
	}
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return nil, err
	}
	partition, err := consumer.ConsumePartition(ask.Topic, 0, offset)
	if err != nil {
		return nil, err
	}
	r := &reader{consumer: consumer, client: client}
	go func() {
		for message := range partition.Messages() {
			r.Put(told(message))
		}
	}()
	return r, nil
}

func (r *reader) Commit(string, int64) error { return errors.New("a reader in no group") }

func (r *reader) Close() error {
	return r.client.Close()
}

// Members of groups

type member struct {
	serving.Inbox
	group   sarama.ConsumerGroup
	topic   string
	session chan sarama.ConsumerGroupSession
	stop    context.CancelFunc
	done    chan struct{}
}

func (client) Join(ask serving.Ask) (serving.Reader, error) {
	return join(ask.Addresses(), ask.Group, ask.Topic)
}

func join(servers []string, group, topic string) (*member, error) {
	config := config()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.Group.Heartbeat.Interval = 100 * time.Millisecond
	joined, err := sarama.NewConsumerGroup(servers, group, config)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	m := &member{
		group:   joined,
		topic:   topic,
		session: make(chan sarama.ConsumerGroupSession, 1),
		stop:    stop,
		done:    make(chan struct{}),
	}
	go m.run(ctx)
	return m, nil
}

func (m *member) run(ctx context.Context) {
	defer close(m.done)
	for ctx.Err() == nil {
		if err := m.group.Consume(ctx, []string{m.topic}, m); err != nil {
			m.Fail(err)
			return
		}
	}
}

// Setup is called when the member has its partitions.
func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	m.Assign(session.Claims()[m.topic])
	m.session <- session
	return nil
}

// Cleanup is called when it gives them up.
func (m *member) Cleanup(session sarama.ConsumerGroupSession) error {
	m.Revoke(session.Claims()[m.topic])
	<-m.session
	return nil
}

// ConsumeClaim reads one partition until the session ends.
func (m *member) ConsumeClaim(_ sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		m.Put(told(message))
	}
	return nil
}

func (m *member) Commit(topic string, offset int64) error {
	session := <-m.session
	defer func() { m.session <- session }()
	session.MarkOffset(topic, 0, offset, "")
	session.Commit()
	return nil
}

func (m *member) Close() error {
	m.stop()
	<-m.done
	return m.group.Close()
}
