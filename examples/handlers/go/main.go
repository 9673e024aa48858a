// An event handler app: greets whoever connects, and prints what is said.
//
//	go run . [PORT]      6565 by default; 0 takes a free one
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/protobuf/types/known/emptypb"

	"example.com/chathandler/gen/chatpb"
)

//go:generate go run ./generate

// seen holds the ids of events that were handled: delivery is at least once.
type seen struct {
	mutex sync.Mutex
	ids   map[string]bool
}

func (s *seen) firstTime(id string) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	known := s.ids[id]
	s.ids[id] = true
	return !known
}

type greeter struct {
	chatpb.UnimplementedChatUserConnectedServiceServer
	seen *seen
}

func (g *greeter) OnMessage(_ context.Context, event *chatpb.UserConnected) (*emptypb.Empty, error) {
	if g.seen.firstTime(event.GetId()) {
		fmt.Println("connected", event.GetUserId())
	}
	return &emptypb.Empty{}, nil
}

type listener struct {
	chatpb.UnimplementedPersonalChatPersonalChatSentServiceServer
	seen *seen
}

func (l *listener) OnMessage(_ context.Context, event *chatpb.PersonalChatSent) (*emptypb.Empty, error) {
	if l.seen.firstTime(event.GetId()) {
		fmt.Println("said", event.GetPayload().GetPersonalChatSent().GetPayload())
	}
	return &emptypb.Empty{}, nil
}

func main() {
	port := "6565"
	if len(os.Args) > 1 {
		port = os.Args[1]
	}
	socket, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	handled := &seen{ids: map[string]bool{}}
	chatpb.RegisterChatUserConnectedServiceServer(server, &greeter{seen: handled})
	chatpb.RegisterPersonalChatPersonalChatSentServiceServer(server, &listener{seen: handled})
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	reflection.Register(server)
	fmt.Println("listening on", socket.Addr())
	if err := server.Serve(socket); err != nil {
		log.Fatal(err)
	}
}
