package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"

	pb "agenkit-interop-rpc/agentpb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// benchAgent answers at once.
type benchAgent struct {
	pb.UnimplementedAgentServiceServer
}

func (benchAgent) Process(_ context.Context, request *pb.Request) (*pb.Response, error) {
	return &pb.Response{
		Version: "1.0", Id: request.Id, Timestamp: now(),
		Type: pb.ResponseType_RESPONSE_TYPE_MESSAGE, Message: request.Messages[0],
	}, nil
}

func (benchAgent) ProcessStream(request *pb.Request, stream grpc.ServerStreamingServer[pb.StreamChunk]) error {
	content, chunks := request.Messages[0].Content, count(request.Messages[0].Metadata, "chunks")
	for i := range chunks {
		part := content[i*len(content)/chunks : (i+1)*len(content)/chunks]
		message := &pb.Message{Role: "agent", Content: part, Timestamp: now()}
		chunk := &pb.StreamChunk{
			Version: "1.0", Id: request.Id, Timestamp: now(),
			Type: pb.ChunkType_CHUNK_TYPE_MESSAGE, Message: message,
		}
		if err := stream.Send(chunk); err != nil {
			return err
		}
	}
	return stream.Send(&pb.StreamChunk{
		Version: "1.0", Id: request.Id, Timestamp: now(), Type: pb.ChunkType_CHUNK_TYPE_END,
	})
}

// benchRPC has a server and a client of grpc-go call each other: it reads lines
// like "unary 100 1" (calls, at once) and "stream 10 50" (calls, chunks), and
// answers each with "done".
func benchRPC() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err.Error())
	}
	server := grpc.NewServer()
	pb.RegisterAgentServiceServer(server, benchAgent{})
	go server.Serve(listener)
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fail(err.Error())
	}
	client := pb.NewAgentServiceClient(conn)
	fmt.Println("READY 0")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		calls, _ := strconv.Atoi(words[1])
		more, _ := strconv.Atoi(words[2])
		if words[0] == "unary" {
			unaryCalls(client, calls, more)
		} else {
			for range calls {
				streamCall(client, words[2])
			}
		}
		fmt.Println("done")
	}
}

func benchRequest(size int, meta map[string]any) *pb.Request {
	message := testMessage{Content: strings.Repeat("x", size), Metadata: meta}
	return testCase{Message: message}.request("process", "")
}

func unaryCalls(client pb.AgentServiceClient, calls, atOnce int) {
	var group sync.WaitGroup
	for range atOnce {
		group.Go(func() {
			for range calls / atOnce {
				if _, err := client.Process(context.Background(), benchRequest(100, nil)); err != nil {
					fail(err.Error())
				}
			}
		})
	}
	group.Wait()
}

func streamCall(client pb.AgentServiceClient, chunks string) {
	request := benchRequest(5000, map[string]any{"chunks": chunks})
	stream, err := client.ProcessStream(context.Background(), request)
	for err == nil {
		_, err = stream.Recv()
	}
	if !errors.Is(err, io.EOF) {
		fail(err.Error())
	}
}
