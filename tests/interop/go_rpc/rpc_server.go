package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	pb "agenkit-interop-rpc/agentpb"
	"agenkit-interop-rpc/agentpb/agentpbconnect"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
)

// agent does what metadata.behaviour says, in the words of the other peers.
type agent struct {
	habits               bool
	calls, streams, left atomic.Int64
}

func (a *agent) process(ctx context.Context, request *pb.Request) (*pb.Message, error) {
	a.calls.Add(1)
	message := request.Messages[0]
	meta := message.Metadata
	switch meta["behaviour"] {
	case "fail":
		return nil, errors.New(word(meta, "text", "the agent failed on purpose"))
	case "sleep":
		if err := a.pause(ctx, meta); err != nil {
			return nil, err
		}
	case "same":
		return a.reply(message.Content, nil), nil
	case "length":
		return a.reply(strconv.Itoa(len([]rune(message.Content))), nil), nil
	case "blob":
		return a.reply(strings.Repeat("x", count(meta, "n")), nil), nil
	case "stats":
		return a.reply(jsonText(map[string]int64{
			"calls": a.calls.Load(), "streams": a.streams.Load(), "left": a.left.Load(),
		}), nil), nil
	}
	content := message.Content
	if a.habits {
		// Text that is JSON has become a value, and a text again by fmt.
		var value any
		if json.Unmarshal([]byte(content), &value) == nil {
			content = fmt.Sprintf("%v", value)
		}
	}
	return a.reply("Echo: "+content, map[string]any{
		"original_content": message.Content, "language": "go", "original_metadata": meta,
	}), nil
}

func (a *agent) stream(ctx context.Context, request *pb.Request, send func(*pb.Message) error) error {
	a.streams.Add(1)
	meta := request.Messages[0].Metadata
	behaviour := meta["behaviour"]
	if behaviour != "chunks" && behaviour != "midfail" {
		message, err := a.process(ctx, request)
		if err != nil {
			return err
		}
		return send(message)
	}
	for i := range count(meta, "n") {
		if err := a.pause(ctx, meta); err != nil {
			return err
		}
		if err := send(a.reply(fmt.Sprintf("%s %d", word(meta, "text", "chunk"), i), nil)); err != nil {
			a.left.Add(1)
			return err
		}
	}
	if behaviour == "midfail" {
		return errors.New("the stream broke on purpose")
	}
	return nil
}

func (a *agent) reply(content string, meta map[string]any) *pb.Message {
	message := testMessage{Role: "agent", Content: content, Metadata: meta}
	if a.habits {
		message.Timestamp = "0001-01-01T00:00:00Z"
	}
	return toProto(message, "", a.habits)
}

func (a *agent) pause(ctx context.Context, meta map[string]string) error {
	select {
	case <-time.After(time.Duration(count(meta, "ms")) * time.Millisecond):
		return nil
	case <-ctx.Done():
		a.left.Add(1)
		return ctx.Err()
	}
}

func (a *agent) answer(ctx context.Context, request *pb.Request) (*pb.Response, error) {
	response := &pb.Response{Version: "1.0", Id: request.Id, Timestamp: now()}
	message, err := a.process(ctx, request)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		response.Type, response.Error = pb.ResponseType_RESPONSE_TYPE_ERROR, agentError(err)
		return response, nil
	}
	response.Type, response.Message = pb.ResponseType_RESPONSE_TYPE_MESSAGE, message
	return response, nil
}

func (a *agent) chunks(ctx context.Context, request *pb.Request, send func(*pb.StreamChunk) error) error {
	chunk := func(kind pb.ChunkType) *pb.StreamChunk {
		return &pb.StreamChunk{Version: "1.0", Id: request.Id, Timestamp: now(), Type: kind}
	}
	err := a.stream(ctx, request, func(message *pb.Message) error {
		c := chunk(pb.ChunkType_CHUNK_TYPE_MESSAGE)
		c.Message = message
		return send(c)
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && a.habits && request.Messages[0].Metadata["behaviour"] == "fail" {
		// The error of an agent that does not stream is lost.
		if err := send(chunk(pb.ChunkType_CHUNK_TYPE_MESSAGE)); err != nil {
			return err
		}
	} else if err != nil {
		c := chunk(pb.ChunkType_CHUNK_TYPE_ERROR)
		c.Error = agentError(err)
		return send(c)
	}
	return send(chunk(pb.ChunkType_CHUNK_TYPE_END))
}

func agentError(err error) *pb.Error {
	return &pb.Error{Code: "AGENT_ERROR", Message: err.Error(), Details: map[string]string{}}
}

func word(meta map[string]string, key, otherwise string) string {
	if value, ok := meta[key]; ok {
		return value
	}
	return otherwise
}

func count(meta map[string]string, key string) int {
	n, _ := strconv.Atoi(meta[key])
	return n
}

// overGRPC is the agent behind grpc-go.
type overGRPC struct {
	pb.UnimplementedAgentServiceServer
	*agent
}

func (o overGRPC) Process(ctx context.Context, request *pb.Request) (*pb.Response, error) {
	if len(request.Messages) == 0 {
		return nil, status.Error(codes.InvalidArgument, "invalid request: no messages in request")
	}
	if request.Messages[0].Metadata["behaviour"] == "status" {
		s, err := status.New(codes.ResourceExhausted, "refused by the Go server").WithDetails(
			&pb.Error{Code: "RATE_LIMITED", Message: "refused with details", Details: map[string]string{"limit": "3"}})
		if err != nil {
			return nil, err
		}
		return nil, s.Err()
	}
	return o.answer(ctx, request)
}

func (o overGRPC) ProcessStream(request *pb.Request, stream grpc.ServerStreamingServer[pb.StreamChunk]) error {
	return o.chunks(stream.Context(), request, stream.Send)
}

func (o overGRPC) BidirectionalStream(stream grpc.BidiStreamingServer[pb.Request, pb.Response]) error {
	if o.habits {
		return status.Error(codes.Unimplemented, "bidirectional streaming not implemented")
	}
	return o.converse(stream.Context(), stream.Recv, stream.Send)
}

func (a *agent) converse(ctx context.Context, next func() (*pb.Request, error), send func(*pb.Response) error) error {
	for {
		request, err := next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		response, err := a.answer(ctx, request)
		if err != nil {
			return err
		}
		if err := send(response); err != nil {
			return err
		}
	}
}

// overConnect is the agent behind connect-go: Connect, gRPC-Web and gRPC on one port.
type overConnect struct{ *agent }

func (o overConnect) Process(ctx context.Context, request *connect.Request[pb.Request]) (*connect.Response[pb.Response], error) {
	if request.Msg.Messages[0].Metadata["behaviour"] == "status" {
		err := connect.NewError(connect.CodeResourceExhausted, errors.New("refused by the Go server"))
		detail, detailErr := connect.NewErrorDetail(
			&pb.Error{Code: "RATE_LIMITED", Message: "refused with details", Details: map[string]string{"limit": "3"}})
		if detailErr != nil {
			return nil, detailErr
		}
		err.AddDetail(detail)
		return nil, err
	}
	response, err := o.answer(ctx, request.Msg)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(response), nil
}

func (o overConnect) ProcessStream(ctx context.Context, request *connect.Request[pb.Request], stream *connect.ServerStream[pb.StreamChunk]) error {
	return o.chunks(ctx, request.Msg, stream.Send)
}

func (o overConnect) BidirectionalStream(ctx context.Context, stream *connect.BidiStream[pb.Request, pb.Response]) error {
	return o.converse(ctx, stream.Receive, stream.Send)
}

// serveRPC serves over "grpc" or "connect" until its input ends; with TLS if it has a configuration.
func serveRPC(kind string, port string, habits bool, secure *tls.Config) {
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		fail(err.Error())
	}
	serving := &agent{habits: habits}
	switch kind {
	case "grpc":
		options := []grpc.ServerOption{}
		if secure != nil {
			options = append(options, grpc.Creds(credentials.NewTLS(secure)))
		}
		server := grpc.NewServer(options...)
		pb.RegisterAgentServiceServer(server, overGRPC{agent: serving})
		healthpb.RegisterHealthServer(server, health.NewServer())
		reflection.Register(server)
		go server.Serve(listener)
	case "connect":
		mux := http.NewServeMux()
		mux.Handle(agentpbconnect.NewAgentServiceHandler(overConnect{serving}))
		protocols := new(http.Protocols)
		protocols.SetHTTP1(true)
		protocols.SetUnencryptedHTTP2(true)
		server := &http.Server{Handler: mux, Protocols: protocols, TLSConfig: secure}
		// Refused handshakes are what some tests are about.
		server.ErrorLog = log.New(io.Discard, "", 0)
		if secure == nil {
			go server.Serve(listener)
		} else {
			protocols.SetHTTP2(true)
			go server.ServeTLS(listener, "", "")
		}
	default:
		fail("unknown kind of server: " + kind)
	}
	fmt.Println("READY", listener.Addr().(*net.TCPAddr).Port)
	io.Copy(io.Discard, os.Stdin)
}
