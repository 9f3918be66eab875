package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	pb "agenkit-interop-rpc/agentpb"
	"agenkit-interop-rpc/agentpb/agentpbconnect"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
)

const maxBytes = 8 << 20

// overRPC calls agents over gRPC with grpc-go, and over Connect, gRPC-Web and
// gRPC with connect-go; one connection for each server and protocol.
type overRPC struct {
	mutex   sync.Mutex
	grpc    map[string]*grpc.ClientConn
	connect map[string]agentpbconnect.AgentServiceClient
}

func rpcClient() caller {
	return &overRPC{grpc: map[string]*grpc.ClientConn{}, connect: map[string]agentpbconnect.AgentServiceClient{}}
}

func (o *overRPC) dial(tc testCase) (*grpc.ClientConn, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	key := tc.URL + tc.TLS.CA + tc.TLS.Cert
	if conn := o.grpc[key]; conn != nil {
		return conn, nil
	}
	scheme, target, _ := strings.Cut(tc.URL, "://")
	secured := insecure.NewCredentials()
	if scheme == "https" {
		secured = credentials.NewTLS(tc.TLS.forClient())
	}
	conn, err := grpc.NewClient(target,
		grpc.WithTransportCredentials(secured),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxBytes), grpc.MaxCallSendMsgSize(maxBytes)))
	if err == nil {
		o.grpc[key] = conn
	}
	return conn, err
}

// connectClient speaks what the protocol's name says; "-h2" is HTTP/2, by prior
// knowledge or as TLS negotiates it, and no other version.
func (o *overRPC) connectClient(tc testCase) agentpbconnect.AgentServiceClient {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	key := tc.Protocol + " " + tc.URL + tc.TLS.CA + tc.TLS.Cert
	if client := o.connect[key]; client != nil {
		return client
	}
	protocols := new(http.Protocols)
	if strings.HasSuffix(tc.Protocol, "-h2") {
		protocols.SetHTTP2(true)
		protocols.SetUnencryptedHTTP2(true)
	} else {
		protocols.SetHTTP1(true)
	}
	transport := &http.Transport{Protocols: protocols}
	if strings.HasPrefix(tc.URL, "https:") {
		transport.TLSClientConfig = tc.TLS.forClient()
	}
	client := &http.Client{Transport: transport}
	options := []connect.ClientOption{connect.WithReadMaxBytes(maxBytes)}
	switch strings.TrimSuffix(tc.Protocol, "-h2") {
	case "connect":
	case "connect-json":
		options = append(options, connect.WithProtoJSON())
	case "connect-gzip":
		options = append(options, connect.WithSendGzip())
	case "grpc-web":
		options = append(options, connect.WithGRPCWeb())
	case "connect-grpc":
		options = append(options, connect.WithGRPC())
	default:
		fail("unknown protocol: " + tc.Protocol)
	}
	made := agentpbconnect.NewAgentServiceClient(client, tc.URL, options...)
	o.connect[key] = made
	return made
}

func (tc testCase) isGRPC() bool { return tc.Protocol == "grpc" || tc.Protocol == "grpc-gzip" }

func (tc testCase) outgoing(ctx context.Context) (context.Context, []grpc.CallOption) {
	var options []grpc.CallOption
	if tc.Protocol == "grpc-gzip" {
		options = append(options, grpc.UseCompressor(gzip.Name))
	}
	if tc.Errors != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "agenkit-errors", tc.Errors)
	}
	return ctx, options
}

func wrapped[T any](tc testCase, message *T) *connect.Request[T] {
	request := connect.NewRequest(message)
	if tc.Errors != "" {
		request.Header().Set("agenkit-errors", tc.Errors)
	}
	return request
}

func (tc testCase) request(method, suffix string) *pb.Request {
	return &pb.Request{
		Version: "1.0", Id: "go-rpc" + suffix, Timestamp: now(), Method: method, AgentName: tc.Name,
		Messages: []*pb.Message{toProto(tc.Message, suffix, tc.Habits)},
	}
}

func (o *overRPC) process(ctx context.Context, tc testCase, suffix string, out *result) (testMessage, error) {
	switch tc.Op {
	case "health":
		return o.health(ctx, tc)
	case "reflection":
		return o.reflection(ctx, tc)
	case "bidi":
		return testMessage{}, o.bidi(ctx, tc, out)
	}
	var response *pb.Response
	request := tc.request("process", suffix)
	if tc.isGRPC() {
		conn, err := o.dial(tc)
		if err != nil {
			return testMessage{}, err
		}
		ctx, options := tc.outgoing(ctx)
		if response, err = pb.NewAgentServiceClient(conn).Process(ctx, request, options...); err != nil {
			return testMessage{}, err
		}
	} else {
		answer, err := o.connectClient(tc).Process(ctx, wrapped(tc, request))
		if err != nil {
			return testMessage{}, err
		}
		response = answer.Msg
	}
	if response.Id != request.Id {
		return testMessage{}, fmt.Errorf("expected id %s, got %s", request.Id, response.Id)
	}
	return messageOf(response, tc)
}

func messageOf(response *pb.Response, tc testCase) (testMessage, error) {
	if response.Type == pb.ResponseType_RESPONSE_TYPE_ERROR {
		return testMessage{}, fmt.Errorf("%s: %s", response.Error.GetCode(), response.Error.GetMessage())
	}
	return fromProto(response.Message, tc.Habits)
}

// chunkReader is what both libraries have of a stream.
type chunkReader func() (*pb.StreamChunk, error)

func (o *overRPC) stream(ctx context.Context, tc testCase, out *result, onChunk func(testMessage) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next, err := o.open(ctx, tc)
	if err != nil {
		return err
	}
	for {
		chunk, err := next()
		if errors.Is(err, io.EOF) {
			return errors.New("the stream ended without its END chunk")
		}
		if err != nil {
			return err
		}
		switch chunk.Type {
		case pb.ChunkType_CHUNK_TYPE_END:
			if _, err := next(); !errors.Is(err, io.EOF) {
				return fmt.Errorf("expected the end of the stream after END, got %v", err)
			}
			return nil
		case pb.ChunkType_CHUNK_TYPE_ERROR:
			return fmt.Errorf("%s: %s", chunk.Error.GetCode(), chunk.Error.GetMessage())
		}
		message, err := fromProto(chunk.Message, tc.Habits)
		if err != nil {
			return err
		}
		if !onChunk(message) {
			return nil
		}
	}
}

func (o *overRPC) open(ctx context.Context, tc testCase) (chunkReader, error) {
	request := tc.request("stream", "")
	if tc.isGRPC() {
		conn, err := o.dial(tc)
		if err != nil {
			return nil, err
		}
		ctx, options := tc.outgoing(ctx)
		stream, err := pb.NewAgentServiceClient(conn).ProcessStream(ctx, request, options...)
		if err != nil {
			return nil, err
		}
		return stream.Recv, nil
	}
	stream, err := o.connectClient(tc).ProcessStream(ctx, wrapped(tc, request))
	if err != nil {
		return nil, err
	}
	return func() (*pb.StreamChunk, error) {
		if stream.Receive() {
			return stream.Msg(), nil
		}
		if err := stream.Err(); err != nil {
			return nil, err
		}
		return nil, io.EOF
	}, nil
}

// bidi sends tc.Concurrent requests over one RPC and reads as many answers.
func (o *overRPC) bidi(ctx context.Context, tc testCase, out *result) error {
	var send func(*pb.Request) error
	var receive func() (*pb.Response, error)
	var finish func() error
	if tc.isGRPC() {
		conn, err := o.dial(tc)
		if err != nil {
			return err
		}
		ctx, options := tc.outgoing(ctx)
		stream, err := pb.NewAgentServiceClient(conn).BidirectionalStream(ctx, options...)
		if err != nil {
			return err
		}
		send, receive, finish = stream.Send, stream.Recv, stream.CloseSend
	} else {
		stream := o.connectClient(tc).BidirectionalStream(ctx)
		send, receive, finish = stream.Send, stream.Receive, stream.CloseRequest
	}
	for i := range tc.Count {
		if err := send(tc.request("process", fmt.Sprintf(" #%d", i))); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	if err := finish(); err != nil {
		return err
	}
	for {
		response, err := receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		message, err := messageOf(response, tc)
		if err != nil {
			return err
		}
		out.Messages = append(out.Messages, message)
	}
}

func (o *overRPC) health(ctx context.Context, tc testCase) (testMessage, error) {
	conn, err := o.dial(tc)
	if err != nil {
		return testMessage{}, err
	}
	response, err := health.NewHealthClient(conn).Check(ctx, &health.HealthCheckRequest{Service: tc.Name})
	if err != nil {
		return testMessage{}, err
	}
	return testMessage{Content: response.Status.String()}, nil
}

func (o *overRPC) reflection(ctx context.Context, tc testCase) (testMessage, error) {
	conn, err := o.dial(tc)
	if err != nil {
		return testMessage{}, err
	}
	stream, err := reflection.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		return testMessage{}, err
	}
	ask := func(request *reflection.ServerReflectionRequest) (*reflection.ServerReflectionResponse, error) {
		if err := stream.Send(request); err != nil {
			return nil, err
		}
		return stream.Recv()
	}
	listed, err := ask(&reflection.ServerReflectionRequest{
		MessageRequest: &reflection.ServerReflectionRequest_ListServices{},
	})
	if err != nil {
		return testMessage{}, err
	}
	names := []string{}
	for _, service := range listed.GetListServicesResponse().GetService() {
		names = append(names, service.Name)
	}
	files, err := ask(&reflection.ServerReflectionRequest{
		MessageRequest: &reflection.ServerReflectionRequest_FileContainingSymbol{
			FileContainingSymbol: "agenkit.AgentService",
		},
	})
	if err != nil {
		return testMessage{}, err
	}
	count := len(files.GetFileDescriptorResponse().GetFileDescriptorProto())
	return testMessage{Content: names, Metadata: map[string]any{"files": count}}, stream.CloseSend()
}

// describe tells the status of an error, and the agenkit error among its details.
func (o *overRPC) describe(err error, out *result) {
	var detail *pb.Error
	var failed *connect.Error
	if errors.As(err, &failed) {
		out.ErrorType = failed.Code().String()
		for _, any := range failed.Details() {
			if value, err := any.Value(); err == nil {
				detail, _ = value.(*pb.Error)
			}
		}
	} else if s, ok := status.FromError(err); ok {
		out.ErrorType = snake(s.Code().String())
		for _, any := range s.Details() {
			detail, _ = any.(*pb.Error)
		}
	}
	if detail != nil {
		out.Details = map[string]any{"code": detail.Code, "message": detail.Message, "details": detail.Details}
	}
}

// snake writes DeadlineExceeded as connect-go does: deadline_exceeded. gRPC spells one word otherwise.
func snake(name string) string {
	var out strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' {
			out.WriteByte('_')
		}
		out.WriteRune(r)
	}
	return strings.ToLower(out.String())
}
