module github.com/troupemq/troupe/protocol/packet/oracle

go 1.26.8

require (
	github.com/eclipse/paho.golang v0.23.0
	github.com/mochi-mqtt/server/v2 v2.7.9
	github.com/troupemq/troupe v0.0.0
)

replace github.com/troupemq/troupe => ../../..
