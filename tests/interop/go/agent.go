package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

const serverName = "go-peer"

// agent does what a request's metadata.behaviour says; the README beside this
// folder lists the words.
type agent struct {
	calls, streams, finished, chunks, left atomic.Int64
	// Counted by the server, to see callers reuse what they have.
	connections atomic.Int64
}

// item is one step of a stream: a chunk, or the error that ends it.
type item struct {
	chunk Message
	err   error
}

func word(m Message, key, otherwise string) string {
	if value, ok := m.Metadata[key].(string); ok {
		return value
	}
	return otherwise
}

func number(m Message, key string) int {
	value, _ := m.Metadata[key].(float64)
	return int(value)
}

func reply(content string) Message {
	return Message{Role: "agent", Content: content, Metadata: map[string]any{}, Timestamp: now()}
}

func (a *agent) process(ctx context.Context, m Message) (Message, error) {
	a.calls.Add(1)
	switch word(m, "behaviour", "echo") {
	case "fail":
		return Message{}, errors.New(word(m, "text", "the agent failed on purpose"))
	case "sleep":
		if !pause(ctx, number(m, "ms")) {
			a.left.Add(1)
			return Message{}, ctx.Err()
		}
	case "same":
		return reply(m.Content), nil
	case "length":
		return reply(fmt.Sprint(utf8.RuneCountInString(m.Content))), nil
	case "blob":
		return reply(strings.Repeat("x", number(m, "n"))), nil
	case "bare":
		// What an agent that fills in nothing more leaves: nil metadata, year 1.
		return Message{Role: "agent", Content: "bare"}, nil
	case "stamp":
		// A time of the given nanoseconds, to see 0 to 9 digits of fraction.
		answer := reply("stamp")
		answer.Timestamp = time.Date(2025, 11, 13, 8, 30, 0, number(m, "nanos"), time.UTC)
		return answer, nil
	case "stats":
		counters, _ := json.Marshal(map[string]int64{
			"calls": a.calls.Load(), "streams": a.streams.Load(),
			"finished": a.finished.Load(), "left": a.left.Load(),
			"chunks": a.chunks.Load(), "connections": a.connections.Load(),
		})
		return reply(string(counters)), nil
	}
	answer := reply("Echo: " + m.Content)
	answer.Metadata = map[string]any{
		"original_content":  m.Content,
		"original_role":     m.Role,
		"original_metadata": m.Metadata,
		"language":          "go",
		"server_name":       serverName,
	}
	return answer, nil
}

func (a *agent) stream(ctx context.Context, m Message) <-chan item {
	a.streams.Add(1)
	out := make(chan item)
	go func() {
		defer close(out)
		if a.produce(ctx, m, out) {
			a.finished.Add(1)
		}
	}()
	return out
}

// produce sends what the stream is made of; it says whether all was taken.
func (a *agent) produce(ctx context.Context, m Message, out chan<- item) bool {
	send := func(i item) bool {
		select {
		case out <- i:
			return true
		case <-ctx.Done():
			a.left.Add(1)
			return false
		}
	}
	behaviour := word(m, "behaviour", "echo")
	if behaviour != "chunks" && behaviour != "midfail" {
		answer, err := a.process(ctx, m)
		return send(item{answer, err}) && err == nil
	}
	text := word(m, "text", "chunk")
	for index := 0; index < number(m, "n"); index++ {
		if !pause(ctx, number(m, "ms")) {
			a.left.Add(1)
			return false
		}
		chunk := reply(fmt.Sprintf("%s %d", text, index))
		chunk.Metadata["index"] = index
		if !send(item{chunk: chunk}) {
			return false
		}
		a.chunks.Add(1)
	}
	if behaviour == "midfail" {
		send(item{err: errors.New("the stream broke on purpose")})
		return false
	}
	return true
}

func pause(ctx context.Context, ms int) bool {
	if ms <= 0 {
		return true
	}
	timer := time.NewTimer(time.Duration(ms) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
