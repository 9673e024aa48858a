// Package serving is what the programs of this module share: the conversation with the tests, and
// records that wait to be taken.
package serving

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// Patience is how long to wait for records and answers.
const Patience = 30 * time.Second

// Record is a record as this program sends it or tells it.
type Record struct {
	Partition int32       `json:"partition"`
	Offset    int64       `json:"offset"`
	Timestamp int64       `json:"timestamp"`
	Key       *string     `json:"key"`
	Value     *string     `json:"value"`
	Headers   [][2]string `json:"headers"`
}

// Ask is a command; which of the fields count depends on Do.
type Ask struct {
	Do          string
	Servers     string
	Topic       string
	Codec       string
	Records     []Record
	Start       string
	At          int64
	Committed   bool
	Group       string
	Reader      int
	Count       int
	Offset      int64
	Transaction string
	Commit      bool
	Source      string
	Target      string
	Partitions  int32
	Config      map[string]string
	Name        string
	Value       string
}

// Addresses are those of the servers, one by one.
func (ask Ask) Addresses() []string {
	return strings.Split(ask.Servers, ",")
}

// Reader is a consumer that reads in the background.
type Reader interface {
	Take(count int) ([]Record, error)
	Assigned() []int32
	Commit(topic string, offset int64) error
	Close() error
}

// Client is a library.
type Client interface {
	Produce(ask Ask) ([]int64, error)
	Transact(ask Ask) error
	Relay(ask Ask) error
	Open(ask Ask) (Reader, error)
	Join(ask Ask) (Reader, error)
	CreateTopic(ask Ask) error
	Grow(ask Ask) error
	Topics(ask Ask) (map[string]int, error)
	Config(ask Ask) (string, error)
	Configure(ask Ask) error
	Groups(ask Ask) ([]string, error)
	CommittedOffset(ask Ask) (int64, error)
	DeleteGroup(ask Ask) error
	DeleteTopic(ask Ask) error
}

// Serve answers every line of the standard input until it ends.
func Serve(client Client) {
	var readers []Reader
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var ask Ask
		err := json.Unmarshal(lines.Bytes(), &ask)
		var result any
		if err == nil {
			result, err = answer(client, &readers, ask)
		}
		if err != nil {
			answers.Encode(map[string]any{"error": err.Error()})
		} else {
			answers.Encode(map[string]any{"ok": result})
		}
	}
}

func answer(client Client, readers *[]Reader, ask Ask) (any, error) {
	add := func(reader Reader, err error) (any, error) {
		*readers = append(*readers, reader)
		return len(*readers) - 1, err
	}
	switch ask.Do {
	case "produce":
		return client.Produce(ask)
	case "transact":
		return nil, client.Transact(ask)
	case "relay":
		return nil, client.Relay(ask)
	case "open":
		return add(client.Open(ask))
	case "join":
		return add(client.Join(ask))
	case "take":
		return (*readers)[ask.Reader].Take(ask.Count)
	case "assigned":
		return (*readers)[ask.Reader].Assigned(), nil
	case "commit":
		return nil, (*readers)[ask.Reader].Commit(ask.Topic, ask.Offset)
	case "close":
		return nil, (*readers)[ask.Reader].Close()
	case "create_topic":
		return nil, client.CreateTopic(ask)
	case "grow":
		return nil, client.Grow(ask)
	case "topics":
		return client.Topics(ask)
	case "config":
		return client.Config(ask)
	case "configure":
		return nil, client.Configure(ask)
	case "groups":
		return client.Groups(ask)
	case "committed":
		return client.CommittedOffset(ask)
	case "delete_group":
		return nil, client.DeleteGroup(ask)
	case "delete_topic":
		return nil, client.DeleteTopic(ask)
	}
	return nil, fmt.Errorf("no such command: %s", ask.Do)
}

// Inbox holds what a reader has read, and its partitions.
type Inbox struct {
	mutex    sync.Mutex
	records  []Record
	assigned map[int32]bool
	err      error
}

// Put adds a record.
func (inbox *Inbox) Put(record Record) {
	inbox.mutex.Lock()
	defer inbox.mutex.Unlock()
	inbox.records = append(inbox.records, record)
}

// Fail lets whoever waits know that nothing more comes.
func (inbox *Inbox) Fail(err error) {
	inbox.mutex.Lock()
	defer inbox.mutex.Unlock()
	inbox.err = err
}

// Assign adds partitions.
func (inbox *Inbox) Assign(partitions []int32) {
	inbox.mutex.Lock()
	defer inbox.mutex.Unlock()
	if inbox.assigned == nil {
		inbox.assigned = map[int32]bool{}
	}
	for _, partition := range partitions {
		inbox.assigned[partition] = true
	}
}

// Revoke removes partitions.
func (inbox *Inbox) Revoke(partitions []int32) {
	inbox.mutex.Lock()
	defer inbox.mutex.Unlock()
	for _, partition := range partitions {
		delete(inbox.assigned, partition)
	}
}

// Assigned returns the partitions.
func (inbox *Inbox) Assigned() []int32 {
	inbox.mutex.Lock()
	defer inbox.mutex.Unlock()
	found := []int32{}
	for partition := range inbox.assigned {
		found = append(found, partition)
	}
	return found
}

// Take returns the next records, waiting for them.
func (inbox *Inbox) Take(count int) ([]Record, error) {
	for end := time.Now().Add(Patience); ; time.Sleep(2 * time.Millisecond) {
		inbox.mutex.Lock()
		if len(inbox.records) >= count {
			taken := inbox.records[:count]
			inbox.records = inbox.records[count:]
			inbox.mutex.Unlock()
			return taken, nil
		}
		came, err := len(inbox.records), inbox.err
		inbox.mutex.Unlock()
		if err != nil {
			return nil, err
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("%d of %d records came", came, count)
		}
	}
}

// Text tells bytes as text, nil as null.
func Text(data []byte) *string {
	if data == nil {
		return nil
	}
	text := string(data)
	return &text
}

// Data is the reverse of Text.
func Data(text *string) []byte {
	if text == nil {
		return nil
	}
	return []byte(*text)
}
