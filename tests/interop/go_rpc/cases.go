package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

// testCase is what the tests ask for.
type testCase struct {
	Op         string      `json:"op"`
	URL        string      `json:"url"`
	Protocol   string      `json:"protocol"`
	Name       string      `json:"name"`
	Message    testMessage `json:"message"`
	TimeoutMs  int         `json:"timeout_ms"`
	Concurrent int         `json:"concurrent"`
	LeaveAfter int         `json:"leave_after"`
	LeaveMs    int         `json:"leave_ms"`
	Count      int         `json:"count"`
	// TLS is for https URLs.
	TLS tlsFiles `json:"tls"`
	// Errors is what the header that asks for failures as a status says.
	Errors string `json:"errors"`
	// Habits makes the client do as Go's agenkit does.
	Habits bool `json:"habits"`
}

type testMessage struct {
	Role      string         `json:"role"`
	Content   any            `json:"content"`
	Metadata  map[string]any `json:"metadata"`
	Timestamp string         `json:"timestamp"`
}

// result is what became of a case.
type result struct {
	OK          bool           `json:"ok"`
	Messages    []testMessage  `json:"messages"`
	ArrivalsMs  []int64        `json:"arrivals_ms"`
	HTTPVersion string         `json:"http_version,omitempty"`
	ErrorType   string         `json:"error_type,omitempty"`
	Error       string         `json:"error,omitempty"`
	Details     map[string]any `json:"details,omitempty"`
	ElapsedMs   int64          `json:"elapsed_ms"`
}

// caller makes the calls of one protocol. onChunk returns whether to read on.
type caller interface {
	process(ctx context.Context, tc testCase, suffix string, out *result) (testMessage, error)
	stream(ctx context.Context, tc testCase, out *result, onChunk func(testMessage) bool) error
}

// describer tells the code of an error that only its protocol knows.
type describer interface {
	describe(err error, out *result)
}

func runCases(c caller) {
	fmt.Println("READY 0")
	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		var tc testCase
		if err := json.Unmarshal(line, &tc); err != nil {
			fail("not a case: " + err.Error())
		}
		encoded, err := json.Marshal(runCase(c, tc))
		if err != nil {
			fail(err.Error())
		}
		fmt.Println(string(encoded))
	}
}

func runCase(c caller, tc testCase) *result {
	started := time.Now()
	out := &result{Messages: []testMessage{}, ArrivalsMs: []int64{}}
	timeout := 30 * time.Second
	if tc.TimeoutMs > 0 {
		timeout = time.Duration(tc.TimeoutMs) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if tc.LeaveMs > 0 {
		time.AfterFunc(time.Duration(tc.LeaveMs)*time.Millisecond, cancel)
	}
	err := call(ctx, c, tc, started, out)
	out.OK = err == nil
	if err != nil {
		out.ErrorType, out.Error = fmt.Sprintf("%T", err), err.Error()
		if d, ok := c.(describer); ok {
			d.describe(err, out)
		}
	}
	out.ElapsedMs = time.Since(started).Milliseconds()
	return out
}

func call(ctx context.Context, c caller, tc testCase, started time.Time, out *result) error {
	if tc.Op == "stream" {
		return c.stream(ctx, tc, out, func(m testMessage) bool {
			out.Messages = append(out.Messages, m)
			out.ArrivalsMs = append(out.ArrivalsMs, time.Since(started).Milliseconds())
			return len(out.Messages) != tc.LeaveAfter
		})
	}
	if tc.Concurrent == 0 {
		m, err := c.process(ctx, tc, "", out)
		if err == nil && tc.Op != "bidi" {
			out.Messages = append(out.Messages, m)
		}
		return err
	}
	messages := make([]testMessage, tc.Concurrent)
	errs := make([]error, tc.Concurrent)
	var group sync.WaitGroup
	for i := range messages {
		group.Go(func() {
			messages[i], errs[i] = c.process(ctx, tc, fmt.Sprintf(" #%d", i), &result{})
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	out.Messages = messages
	return nil
}
