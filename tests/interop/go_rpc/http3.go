package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/quic-go/quic-go/http3"
)

// overHTTP3 calls agents with envelopes over HTTP/3, in quic-go's words.
type overHTTP3 struct{ client *http.Client }

// http3Client trusts the authority that AGENKIT_TEST_CA names, and no other.
func http3Client() caller {
	roots := rootsOf(os.Getenv("AGENKIT_TEST_CA"))
	return overHTTP3{&http.Client{Transport: &http3.Transport{
		// The tests call addresses; a client that names none gets no certificate of Caddy.
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"},
	}}}
}

type envelope struct {
	Version   string          `json:"version"`
	Type      string          `json:"type"`
	ID        string          `json:"id"`
	Timestamp string          `json:"timestamp"`
	Payload   json.RawMessage `json:"payload"`
}

type payload struct {
	Method       string      `json:"method,omitempty"`
	AgentName    string      `json:"agent_name,omitempty"`
	Message      testMessage `json:"message"`
	ErrorCode    string      `json:"error_code,omitempty"`
	ErrorMessage string      `json:"error_message,omitempty"`
}

func (o overHTTP3) send(ctx context.Context, tc testCase, method, suffix string, out *result) (io.ReadCloser, error) {
	message := tc.Message
	if message.Role == "" {
		message.Role = "user"
	}
	if message.Metadata == nil {
		message.Metadata = map[string]any{}
	}
	message.Content = fmt.Sprint(message.Content) + suffix
	message.Timestamp = time.Now().UTC().Format(time.RFC3339Nano)
	inner, err := json.Marshal(payload{Method: method, AgentName: tc.Name, Message: message})
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(envelope{"1.0", "request", "go-http3", message.Timestamp, inner})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, "POST", tc.URL+"/"+method, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := o.client.Do(request)
	if err != nil {
		return nil, err
	}
	out.HTTPVersion = response.Proto
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		return nil, fmt.Errorf("HTTP %d: %s", response.StatusCode, text)
	}
	return response.Body, nil
}

func (o overHTTP3) process(ctx context.Context, tc testCase, suffix string, out *result) (testMessage, error) {
	body, err := o.send(ctx, tc, "process", suffix, out)
	if err != nil {
		return testMessage{}, err
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	if err != nil {
		return testMessage{}, err
	}
	_, p, err := open(text)
	return p.Message, err
}

func (o overHTTP3) stream(ctx context.Context, tc testCase, out *result, onChunk func(testMessage) bool) error {
	body, err := o.send(ctx, tc, "stream", "", out)
	if err != nil {
		return err
	}
	defer body.Close()
	lines := bufio.NewReaderSize(body, 1<<20)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return fmt.Errorf("the stream ended too early: %w", err)
		}
		data, found := strings.CutPrefix(strings.TrimSpace(line), "data: ")
		if !found {
			continue
		}
		kind, p, err := open([]byte(data))
		if err != nil {
			return err
		}
		if kind == "stream_end" || !onChunk(p.Message) {
			return nil
		}
	}
}

func open(text []byte) (string, payload, error) {
	var e envelope
	var p payload
	if err := json.Unmarshal(text, &e); err != nil {
		return "", p, err
	}
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		return "", p, err
	}
	if e.Type == "error" {
		return "", p, errors.New(p.ErrorCode + ": " + p.ErrorMessage)
	}
	return e.Type, p, nil
}
