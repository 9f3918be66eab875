package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// failure is an error with the name a result reports it under.
type failure struct{ kind, text string }

func (f failure) Error() string { return f.text }

func connectionError(text string, cause error) error {
	if cause != nil {
		text += ": " + cause.Error()
	}
	return failure{"ConnectionError", text}
}

// remote calls an agent over HTTP.
type remote struct {
	name, base string
	timeout    time.Duration
	client     *http.Client
	// One call at a time. Wire section "timeouts and pools".
	turn      sync.Mutex
	connected bool
	// The reader and the body of the last stream.
	events *bufio.Reader
	body   io.Closer
}

func newRemote(name, url string, timeout time.Duration) *remote {
	base := strings.TrimRight(url, "/")
	// Wire table "HTTP versions", row "client h2c://": really HTTP/1.1.
	base = strings.Replace(base, "h2c://", "http://", 1)
	if timeout == 0 {
		timeout = 30 * time.Second
	}
	// No time limit of the client's own and a plain transport of its own.
	return &remote{name: name, base: base, timeout: timeout, client: &http.Client{Transport: &http.Transport{}}}
}

func (r *remote) close() {
	if r.body != nil {
		_ = r.body.Close()
	}
	r.client.CloseIdleConnections()
}

// connect asks for the health once and ignores its status. Wire section
// "client requests".
func (r *remote) connect(ctx context.Context) error {
	if r.connected {
		return nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, r.base+"/health", nil)
	if err != nil {
		return connectionError("failed to create request to "+r.base, err)
	}
	response, err := r.client.Do(request)
	if err != nil {
		return connectionError("failed to connect to "+r.base, err)
	}
	_ = response.Body.Close()
	r.connected = true
	return nil
}

func (r *remote) post(ctx context.Context, method string, m Message) (*http.Response, error) {
	payload := map[string]any{"method": method, "message": toWire(m)}
	if r.name != "" {
		payload["agent_name"] = r.name
	}
	body := encode(newEnvelope("request", newID(), payload))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base+"/"+method, bytes.NewReader(body))
	if err != nil {
		return nil, connectionError("failed to create HTTP request", err)
	}
	request.Header.Set("Content-Type", "application/json")
	if method == "stream" {
		request.Header.Set("Accept", "text/event-stream")
	}
	response, err := r.client.Do(request)
	if err != nil {
		// A deadline that passes here looks like any other failure to send.
		return nil, connectionError("failed to send HTTP request", err)
	}
	if response.StatusCode != http.StatusOK {
		// Any other status is a connection error, the envelope in the body stays
		// unread. Wire section "responses", client side; incompatibility 5.
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		return nil, connectionError(fmt.Sprintf("HTTP error %d: %s", response.StatusCode, text), nil)
	}
	return response, nil
}

func (r *remote) process(ctx context.Context, m Message) (Message, error) {
	if err := r.connect(ctx); err != nil {
		return Message{}, err
	}
	r.turn.Lock()
	defer r.turn.Unlock()
	// One time limit for the whole call. Wire section "timeouts and pools".
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	response, err := r.post(ctx, "process", m)
	if err != nil {
		return Message{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return Message{}, connectionError("failed to read HTTP response", err)
	}
	if r.events != nil {
		// A stream's reader is never dropped, so it is read instead of the reply.
		// Wire section "streaming", process-after-stream; incompatibility 10.
		if body, err = r.event(); err != nil {
			return Message{}, err
		}
	}
	e, err := decode(body)
	if err != nil {
		return Message{}, err
	}
	if e.Type == "error" {
		return Message{}, remoteError(r.name, e)
	}
	if e.Type != "response" {
		return Message{}, failure{"InvalidMessageError", "expected 'response' but got '" + e.Type + "'"}
	}
	return messageOf(e)
}

func (r *remote) stream(ctx context.Context, m Message, take func(Message) bool) error {
	if err := r.connect(ctx); err != nil {
		return err
	}
	r.turn.Lock()
	defer r.turn.Unlock()
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	response, err := r.post(ctx, "stream", m)
	if err != nil {
		return err
	}
	// A read buffer of 4 KiB and lines of any length: 1 MB in one event is fine.
	r.body, r.events = response.Body, bufio.NewReader(response.Body)
	for {
		data, err := r.event()
		if err != nil {
			return err
		}
		e, err := decode(data)
		if err != nil {
			return err
		}
		switch e.Type {
		case "stream_chunk":
			chunk, err := messageOf(e)
			if err != nil {
				return err
			}
			if !take(chunk) {
				return nil
			}
		case "stream_end":
			return nil
		case "error":
			return remoteError(r.name, e)
		default:
			return failure{"InvalidMessageError", "expected 'stream_chunk' or 'stream_end' but got '" + e.Type + "'"}
		}
	}
}

// event reads one server-sent event. It needs the prefix "data: " with its
// space, joins several of them without a line break, ignores other fields, and
// drops a line that the end of the body cuts off. Wire section "streaming",
// client parsers.
func (r *remote) event() ([]byte, error) {
	var data []byte
	for {
		line, err := r.events.ReadBytes('\n')
		if err == io.EOF {
			_ = r.body.Close()
			r.body, r.events = nil, nil
			return nil, connectionError("stream ended", io.EOF)
		}
		if err != nil {
			return nil, connectionError("failed to read SSE event", err)
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 && len(data) > 0 {
			return data, nil
		}
		if rest, found := bytes.CutPrefix(line, []byte("data: ")); found {
			data = append(data, rest...)
		}
	}
}

func messageOf(e envelope) (Message, error) {
	m, ok := fromWire(e.Payload)
	if !ok {
		return m, failure{"InvalidMessageError", "invalid message format in response"}
	}
	return m, nil
}

// remoteError knows one of the two shapes of an error; of Python's it sees an
// empty text. Wire table "payload per type", row error; incompatibility 2.
func remoteError(name string, e envelope) error {
	text, _ := e.Payload["error_message"].(string)
	return failure{"RemoteExecutionError", fmt.Sprintf("remote agent '%s' execution failed: %s", name, text)}
}
