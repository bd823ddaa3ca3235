package upstream

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/troupemq/troupe/configs"
)

// authenticate chooses User Name and Password. A file that the URI or `password` makes needless is not read.
func (u *Upstream) authenticate(c configs.Upstream) error {
	user := u.address.User
	u.username = c.Username
	if user.Username() != "" {
		u.username = user.Username()
	}
	secret, given := user.Password()
	switch {
	case given:
		u.password = []byte(secret)
	case c.Password != "":
		u.password = []byte(c.Password)
	case c.PasswordFile != "":
		secret, err := firstLine(c.PasswordFile)
		if err != nil {
			return fmt.Errorf("password_file: %w", err)
		}
		u.password = []byte(secret)
	}
	return nil
}

func firstLine(name string) (string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		return "", &os.PathError{Op: "read", Path: name, Err: errors.New("the first line is empty; write the password there")}
	}
	return line, nil
}
