package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// longestPassword is how many bytes MQTT allows. Of a line no more is read than shows
// that it is longer.
const (
	longestPassword = 65_535
	longestLine     = longestPassword + 3
)

// askPassword asks for a password on a terminal, with each of the prompts, without
// showing it; each answer has to be the same. From anything but a terminal it reads
// one line, and asks nothing. When ctx ends first the error is its cause.
func askPassword(ctx context.Context, in io.Reader, out io.Writer, prompts ...string) ([]byte, error) {
	file, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return readLine(in)
	}
	terminal := int(file.Fd())
	before, err := term.GetState(terminal)
	if err == nil {
		err = hideTyping(terminal) // before the first prompt, which some answer at once
	}
	if err != nil {
		return nil, fmt.Errorf("the terminal cannot be asked: %w", err)
	}
	defer func() { _ = term.Restore(terminal, before) }()
	var first []byte
	for i, prompt := range prompts {
		answer, err := askHidden(ctx, file, out, prompt)
		if err != nil {
			return nil, err
		}
		if i > 0 && !bytes.Equal(answer, first) {
			return nil, errors.New("the two passwords differ; nothing is changed")
		}
		first = answer
	}
	return first, nil
}

// askHidden reads one line of a terminal that does not show it. After an interrupt
// the caller restores its state.
func askHidden(ctx context.Context, terminal *os.File, out io.Writer, prompt string) ([]byte, error) {
	if _, err := io.WriteString(out, prompt); err != nil {
		return nil, err
	}
	type line struct {
		text []byte
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := readHidden(terminal)
		read <- line{text, err}
	}()
	select {
	case l := <-read:
		_, _ = io.WriteString(out, "\n") // the one that was typed is not shown either
		if l.err != nil {
			return nil, fmt.Errorf("no password: %w", l.err)
		}
		return l.text, nil
	case <-ctx.Done():
		_, _ = io.WriteString(out, "\n")
		return nil, context.Cause(ctx)
	}
}

// readLine reads the first line, which may end without a line break.
func readLine(in io.Reader) ([]byte, error) {
	line, err := bufio.NewReader(io.LimitReader(in, longestLine)).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("no password on standard input: %w", err)
	}
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	if len(line) > longestPassword {
		return nil, fmt.Errorf("the first line on standard input has more than %d bytes, which is the most that a password can have", longestPassword)
	}
	if len(line) == 0 {
		return nil, errors.New("no password on standard input; write it in the first line there")
	}
	return line, nil
}
