package troupe

import (
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/auth/acl"
	"github.com/troupemq/troupe/internal/auth/password"
)

// authFiles are the files that say who may connect and what he may do. What is
// not configured is nil.
type authFiles struct {
	users *password.Users
	rules *acl.Rules
}

// readAuth reads those that a configuration names.
func readAuth(a configs.Auth) (f authFiles, err error) {
	var noUsers, noRules error
	if a.PasswordFile != "" {
		f.users, noUsers = password.Read(a.PasswordFile)
	}
	if a.ACLFile != "" {
		f.rules, noRules = acl.Read(a.ACLFile)
	}
	return f, errors.Join(noUsers, noRules)
}

// openAuth has the users and rules of the configuration asked, behind those whom
// the program gave.
func (b *Broker) openAuth() error {
	files, err := readAuth(b.config.Auth)
	if err != nil {
		return fmt.Errorf("troupe: %w", err)
	}
	switch {
	case files.users == nil:
	case b.passwords != nil: // of a start that failed
		b.passwords.Set(files.users)
	default:
		b.passwords = password.New(files.users, b.hashing)
		b.judge.Authenticators = append(slices.Clip(b.judge.Authenticators), b.passwords)
	}
	switch {
	case files.rules == nil:
	case b.rules != nil:
		b.rules.Set(files.rules)
	default:
		b.rules = acl.New(files.rules)
		b.judge.Authorizers = append(slices.Clip(b.judge.Authorizers), b.rules)
	}
	return nil
}

// reloadAuth reads the files of another configuration. permit puts them in force:
// Clients that are connected may do from then on what the new rules say. A file
// where there was none needs a restart, and so does none where there was one.
func (b *Broker) reloadAuth(t *tree, c *configs.Config) (permit func(), err error) {
	files, err := readAuth(c.Auth)
	if err != nil {
		return nil, err
	}
	return func() { b.setAuth(t, c.Auth, files) }, nil
}

func (b *Broker) setAuth(t *tree, a configs.Auth, files authFiles) {
	b.mu.Lock()
	if b.passwords != nil && files.users != nil {
		b.config.Auth.PasswordFile = a.PasswordFile
	}
	if b.rules != nil && files.rules != nil {
		b.config.Auth.ACLFile = a.ACLFile
	}
	b.mu.Unlock()
	changed := false
	if b.passwords != nil && files.users != nil && !files.users.Same(b.passwords.Users()) {
		b.passwords.Set(files.users)
		changed = true
		b.log.Info("users reloaded", zap.String("file", a.PasswordFile), zap.Int("users", files.users.Len()))
	}
	if b.rules != nil && files.rules != nil && !files.rules.Same(b.rules.Rules()) {
		b.rules.Set(files.rules)
		changed = true
		b.log.Info("rules reloaded", zap.String("file", a.ACLFile), zap.Int("rules", files.rules.Len()))
	}
	if changed {
		t.judge()
	}
}

// judge has the Clients judged that are connected: those who are not let in any
// more are disconnected, and subscriptions that are not allowed any more end. It is
// for after the change, so that whoever attaches from then on finds it.
func (t *tree) judge() {
	t.tell(message.NewJudge(len(t.clients.Registries), func(revoked int64) {
		if revoked > 0 {
			t.broker.log.Info("clients were disconnected that are not let in any more", zap.Int64("clients", revoked))
		}
	}))
}

// asks tells whether the program has an Authenticator.
func (b *Broker) asks() bool {
	given := len(b.judge.Authenticators)
	if b.passwords != nil {
		given--
	}
	return given > 0
}

// judged is a configuration as it has to be judged: together with what options
// brought that it does not know of.
func (b *Broker) judged(c configs.Config) *configs.Config {
	if b.store != nil && c.DataDir == "" {
		c.DataDir = "." // what is kept is kept elsewhere
	}
	if b.asks() { // then there is a way in
		yes := true
		c.Listeners = slices.Clone(c.Listeners)
		for i := range c.Listeners {
			c.Listeners[i].AllowAnonymous = &yes
		}
	}
	return &c
}
