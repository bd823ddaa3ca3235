package connection

import "github.com/troupemq/troupe/internal/auth"

// ask asks the program about a Client before anybody authenticates it.
func (c *Connection) ask(client auth.Client) error {
	if h := c.env.Hooks; h != nil && h.Connect != nil {
		return h.Connect(client)
	}
	return nil
}

// askEarly is ask for a Client that begins an exchange of AUTH packets: its
// CONNECT is accepted when that is over.
func (c *Connection) askEarly() error {
	connect := c.opening.handshake.Connect()
	if h := c.env.Hooks; h == nil || h.Connect == nil || connect == nil {
		return nil
	}
	client, err := c.client(connect)
	if err != nil {
		return err
	}
	return c.ask(client)
}

// note keeps who the Client is, if anybody is told of it later.
func (c *Connection) note(client auth.Client) {
	if c.env.Hooks == nil && !c.env.Auth.Exchanges() {
		return
	}
	who := client
	who.Password = nil
	c.opening.who = &who
}

// told tells the program that the Client was let in.
func (c *Connection) told() {
	if h := c.env.Hooks; h != nil && h.Authenticated != nil {
		h.Authenticated(*c.opening.who)
	}
}
