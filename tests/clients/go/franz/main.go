// franz-go (kgo and kadm), told what to do line by line: see serving.
package main

import (
	"bytes"
	"context"
	"time"

	"clients/serving"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

type franz struct{}

func main() { serving.Serve(franz{}) }

func within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), serving.Patience)
}

// Producing

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

func producer(ask serving.Ask, options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(options,
		kgo.SeedBrokers(ask.Addresses()...),
		kgo.AllowAutoTopicCreation(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
	)...)
}

func drafts(ask serving.Ask) []*kgo.Record {
	var records []*kgo.Record
	for _, each := range ask.Records {
		record := &kgo.Record{
			Topic:     ask.Topic,
			Partition: each.Partition,
			Timestamp: time.UnixMilli(each.Timestamp),
			Key:       serving.Data(each.Key),
			Value:     serving.Data(each.Value),
		}
		for _, header := range each.Headers {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: header[0], Value: []byte(header[1])})
		}
		records = append(records, record)
	}
	return records
}

func (franz) Produce(ask serving.Ask) ([]int64, error) {
	client, err := producer(ask, kgo.ProducerBatchCompression(codecs[ask.Codec]))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := within()
	defer cancel()
	var offsets []int64
	for _, result := range client.ProduceSync(ctx, drafts(ask)...) {
		if result.Err != nil {
			return nil, result.Err
		}
		offsets = append(offsets, result.Record.Offset)
	}
	return offsets, nil
}

func (franz) Transact(ask serving.Ask) error {
	client, err := producer(ask, kgo.TransactionalID(ask.Transaction))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := within()
	defer cancel()
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	if err := client.ProduceSync(ctx, drafts(ask)...).FirstErr(); err != nil {
		return err
	}
	return client.EndTransaction(ctx, kgo.TransactionEndTry(ask.Commit))
}

// Relay upper-cases records, with the group's offset in the same transaction.
func (franz) Relay(ask serving.Ask) error {
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(ask.Addresses()...),
		kgo.AllowAutoTopicCreation(),
		kgo.TransactionalID(ask.Transaction),
		kgo.ConsumerGroup(ask.Group),
		kgo.ConsumeTopics(ask.Source),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.RequireStableFetchOffsets(),
	)
	if err != nil {
		return err
	}
	defer session.Close()
	ctx, cancel := within()
	defer cancel()
	var taken []*kgo.Record
	for len(taken) < ask.Count {
		fetched := session.PollRecords(ctx, ask.Count-len(taken))
		if err := fetched.Err(); err != nil {
			return err
		}
		taken = append(taken, fetched.Records()...)
	}
	if err := session.Begin(); err != nil {
		return err
	}
	for _, record := range taken {
		copied := &kgo.Record{Topic: ask.Target, Value: bytes.ToUpper(record.Value)}
		if err := session.ProduceSync(ctx, copied).FirstErr(); err != nil {
			return err
		}
	}
	_, err = session.End(ctx, kgo.TryCommit)
	return err
}

// Reading

type reader struct {
	serving.Inbox
	client *kgo.Client
}

func (r *reader) start(options ...kgo.Opt) (serving.Reader, error) {
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	r.client = client
	go r.run()
	return r, nil
}

func (r *reader) run() {
	for {
		fetched := r.client.PollFetches(context.Background())
		if fetched.IsClientClosed() {
			return
		}
		if err := fetched.Err(); err != nil {
			r.Fail(err)
			return
		}
		for _, record := range fetched.Records() {
			r.Put(told(record))
		}
	}
}

func told(record *kgo.Record) serving.Record {
	headers := [][2]string{}
	for _, header := range record.Headers {
		headers = append(headers, [2]string{header.Key, string(header.Value)})
	}
	return serving.Record{
		Partition: record.Partition,
		Offset:    record.Offset,
		Timestamp: record.Timestamp.UnixMilli(),
		Key:       serving.Text(record.Key),
		Value:     serving.Text(record.Value),
		Headers:   headers,
	}
}

func (r *reader) Commit(topic string, offset int64) error {
	ctx, cancel := within()
	defer cancel()
	var failed error
	offsets := map[string]map[int32]kgo.EpochOffset{topic: {0: {Epoch: -1, Offset: offset}}}
	r.client.CommitOffsetsSync(ctx, offsets,
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error) {
			failed = err
			if err == nil {
				failed = kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode)
			}
		})
	return failed
}

func (r *reader) Close() error {
	r.client.Close()
	return nil
}

func (franz) Open(ask serving.Ask) (serving.Reader, error) {
	offset := kgo.NewOffset()
	switch ask.Start {
	case "earliest":
		offset = offset.AtStart()
	case "latest":
		end, err := endOf(ask)
		if err != nil {
			return nil, err
		}
		offset = offset.At(end)
	case "offset":
		offset = offset.At(ask.At)
	case "timestamp":
		offset = offset.AfterMilli(ask.At)
	}
	level := kgo.ReadUncommitted()
	if ask.Committed {
		level = kgo.ReadCommitted()
	}
	return new(reader).start(
		kgo.SeedBrokers(ask.Addresses()...),
		kgo.FetchIsolationLevel(level),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{ask.Topic: {0: offset}}),
	)
}

func endOf(ask serving.Ask) (int64, error) {
	return administer(ask, func(ctx context.Context, admin *kadm.Client) (int64, error) {
		found, err := admin.ListEndOffsets(ctx, ask.Topic)
		if err != nil {
			return 0, err
		}
		end, _ := found.Lookup(ask.Topic, 0)
		return end.Offset, end.Err
	})
}

func (franz) Join(ask serving.Ask) (serving.Reader, error) {
	r := new(reader)
	return r.start(
		kgo.SeedBrokers(ask.Addresses()...),
		kgo.ConsumerGroup(ask.Group),
		kgo.ConsumeTopics(ask.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.HeartbeatInterval(100*time.Millisecond),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, places map[string][]int32) {
			r.Assign(places[ask.Topic])
		}),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, places map[string][]int32) {
			r.Revoke(places[ask.Topic])
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, places map[string][]int32) {
			r.Revoke(places[ask.Topic])
		}),
	)
}
