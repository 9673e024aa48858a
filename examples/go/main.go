// Plays a story on a running simulator and reads back what it put on the log.
//
//	go run . 127.0.0.1:50051
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"example.com/chatclient/gen/chatpb"
	"example.com/chatclient/gen/simulatorpb"
)

//go:generate go run ./generate

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: go run . HOST:PORT")
	}
	if err := run(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(target string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	// doc: begin
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()

	play, err := simulatorpb.NewScenariosClient(conn).Play(ctx, &simulatorpb.PlayRequest{
		Script: &simulatorpb.PlayRequest_Name{Name: "rate_limited"},
		Speed:  proto.Float64(0), // as fast as possible
	})
	if err != nil {
		return err
	}
	outcome, err := last(play.Recv) // progress, and at the end the outcome
	if err != nil {
		return err
	}
	if outcome.GetState() != simulatorpb.PlayState_PLAY_STATE_PASSED {
		return fmt.Errorf("the story ended as %v: %v", outcome.GetState(), outcome.GetProblems())
	}

	stream, err := simulatorpb.NewBrokerClient(conn).Subscribe(ctx, &simulatorpb.SubscribeRequest{
		Topics:    []string{"chat", "personalChat"},
		Typed:     true,
		StopAtEnd: true, // leave it out to go on with what comes
	})
	if err != nil {
		return err
	}
	limited := 0
	for {
		batch, err := stream.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		for _, record := range batch.GetRecords() {
			var event struct{ Name string }
			if err := json.Unmarshal([]byte(record.GetJson()), &event); err != nil {
				return err
			}
			fmt.Println(event.Name)
			typed := new(chatpb.UserChatRateLimitedPayload)
			if record.GetEvent().MessageIs(typed) {
				if err := record.GetEvent().UnmarshalTo(typed); err != nil {
					return err
				}
				hit := typed.GetPayload().GetUserDisconnected()
				fmt.Printf("  %d %s\n", hit.GetCode(), hit.GetReason())
				limited++
			}
		}
	}
	// doc: end
	if limited == 0 {
		return fmt.Errorf("nobody was rate-limited")
	}
	return nil
}

// last reads a stream to its end and returns the last message.
func last[T any](recv func() (*T, error)) (*T, error) {
	var latest *T
	for {
		message, err := recv()
		if err == io.EOF {
			return latest, nil
		}
		if err != nil {
			return nil, err
		}
		latest = message
	}
}
