package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// testCase is one line of the client's input.
type testCase struct {
	Op         string          `json:"op"`
	URL        string          `json:"url"`
	Name       string          `json:"name"`
	Message    jsonMessage     `json:"message"`
	TimeoutMs  int             `json:"timeout_ms"`
	Concurrent int             `json:"concurrent"`
	Repeat     int             `json:"repeat"`
	LeaveAfter int             `json:"leave_after"`
	LeaveMs    int             `json:"leave_ms"`
	Reuse      bool            `json:"reuse"`
	Method     string          `json:"method"`
	Body       json.RawMessage `json:"body"`
	Raw        *string         `json:"raw"`
}

type jsonMessage struct {
	Role      string         `json:"role"`
	Content   string         `json:"content"`
	Metadata  map[string]any `json:"metadata"`
	Timestamp string         `json:"timestamp,omitempty"`
}

// result is one line of its output.
type result struct {
	OK         bool           `json:"ok"`
	Messages   []jsonMessage  `json:"messages,omitempty"`
	ArrivalsMs []int64        `json:"arrivals_ms,omitempty"`
	Responses  []httpResponse `json:"responses,omitempty"`
	ErrorType  string         `json:"error_type,omitempty"`
	Error      string         `json:"error,omitempty"`
	ElapsedMs  int64          `json:"elapsed_ms"`
}

type httpResponse struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Text    string            `json:"text"`
}

func runClient() {
	input := bufio.NewReader(os.Stdin)
	output := json.NewEncoder(os.Stdout)
	fmt.Println("READY 0")
	for {
		line, err := input.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var c testCase
			r := result{}
			if bad := json.Unmarshal(line, &c); bad != nil {
				r.ErrorType, r.Error = "BadCase", bad.Error()
			} else {
				run(c, &r)
			}
			_ = output.Encode(r)
		}
		if err != nil {
			return
		}
	}
}

func run(c testCase, r *result) {
	started := time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if c.LeaveMs > 0 {
		time.AfterFunc(time.Duration(c.LeaveMs)*time.Millisecond, cancel)
	}
	err := guarded(func() error {
		switch c.Op {
		case "process":
			return runProcess(ctx, c, r)
		case "stream":
			return runStream(ctx, cancel, c, r, started)
		case "http":
			return runHTTP(ctx, c, r)
		}
		return fmt.Errorf("unknown op: %q", c.Op)
	})
	r.OK = err == nil
	if err != nil {
		r.ErrorType, r.Error = "Error", err.Error()
		var known failure
		if errors.As(err, &known) {
			r.ErrorType = known.kind
		}
	}
	r.ElapsedMs = time.Since(started).Milliseconds()
}

// guarded reports what would end a Go program: a reply that breaks a type
// assertion. Wire section 6, incompatibility 1.
func guarded(do func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = failure{"Panic", fmt.Sprint(cause)}
		}
	}()
	return do()
}

// caller is a client of one transport.
type caller interface {
	process(context.Context, Message) (Message, error)
	stream(context.Context, Message, func(Message) bool) error
	close()
}

func (c testCase) remote() caller {
	name := c.Name
	if name == "" {
		name = "echo"
	}
	switch scheme, _, _ := strings.Cut(c.URL, "://"); scheme {
	case "tcp", "unix", "ws":
		return &socketRemote{name: name, url: c.URL}
	}
	return newRemote(name, c.URL, time.Duration(c.TimeoutMs)*time.Millisecond)
}

func (c testCase) message(suffix string) Message {
	metadata := c.Message.Metadata
	if metadata == nil {
		metadata = map[string]any{}
	}
	role := c.Message.Role
	if role == "" {
		role = "user"
	}
	return Message{role, c.Message.Content + suffix, metadata, now()}
}

func plain(m Message) jsonMessage {
	return jsonMessage{m.Role, m.Content, m.Metadata, m.Timestamp.Format(time.RFC3339Nano)}
}

func runProcess(ctx context.Context, c testCase, r *result) error {
	if c.Concurrent > 0 {
		r.Messages = make([]jsonMessage, c.Concurrent)
		return all(c.Concurrent, func(i int) error {
			// One client a call: each has only one call in flight.
			peer := c.remote()
			defer peer.close()
			answer, err := peer.process(ctx, c.message(fmt.Sprintf(" #%d", i)))
			r.Messages[i] = plain(answer)
			return err
		})
	}
	peer := c.remote()
	defer peer.close()
	for i := 0; i < max(c.Repeat, 1); i++ {
		suffix := ""
		if c.Repeat > 0 {
			suffix = fmt.Sprintf(" #%d", i)
		}
		answer, err := peer.process(ctx, c.message(suffix))
		if err != nil {
			return err
		}
		r.Messages = append(r.Messages, plain(answer))
	}
	return nil
}

func runStream(ctx context.Context, leave context.CancelFunc, c testCase, r *result, started time.Time) error {
	peer := c.remote()
	defer peer.close()
	err := peer.stream(ctx, c.message(""), func(chunk Message) bool {
		r.Messages = append(r.Messages, plain(chunk))
		r.ArrivalsMs = append(r.ArrivalsMs, time.Since(started).Milliseconds())
		if len(r.Messages) == c.LeaveAfter {
			leave()
			return false
		}
		return true
	})
	if err == nil && c.Reuse {
		_, err = peer.process(ctx, c.message(""))
	}
	return err
}

// runHTTP makes a plain request, as the peers' own tests do for their raw rows.
func runHTTP(ctx context.Context, c testCase, r *result) error {
	client := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
	defer client.CloseIdleConnections()
	method := c.Method
	if method == "" {
		method = http.MethodPost
	}
	r.Responses = make([]httpResponse, max(c.Concurrent, 1))
	return all(len(r.Responses), func(i int) error {
		body := []byte(c.Body)
		if c.Raw != nil {
			body = []byte(*c.Raw)
		}
		request, err := http.NewRequestWithContext(ctx, method, c.URL, bytes.NewReader(body))
		if err != nil {
			return err
		}
		if body != nil {
			request.Header.Set("Content-Type", "application/json")
		}
		response, err := client.Do(request)
		if err != nil {
			return connectionError("request failed", err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		headers := map[string]string{}
		for name := range response.Header {
			headers[strings.ToLower(name)] = response.Header.Get(name)
		}
		r.Responses[i] = httpResponse{response.StatusCode, headers, string(text)}
		return err
	})
}

func all(count int, do func(int) error) error {
	var group sync.WaitGroup
	problems := make([]error, count)
	for i := range count {
		group.Add(1)
		go func() {
			defer group.Done()
			problems[i] = guarded(func() error { return do(i) })
		}()
	}
	group.Wait()
	return errors.Join(problems...)
}
