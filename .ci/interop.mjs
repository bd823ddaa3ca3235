// Has npm's mqtt talk to a broker: node interop.mjs <directory with node_modules> <mqtt://host:port>
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import path from 'node:path'

const [directory, url] = process.argv.slice(2)
const mqtt = createRequire(path.resolve(directory, 'x.js'))('mqtt')

const versions = {
  '3.1': { protocolVersion: 3, protocolId: 'MQIsdp' },
  '3.1.1': { protocolVersion: 4 },
  '5.0': { protocolVersion: 5 },
}
let number = 0

class Client {
  static async join(version, options = {}) {
    const c = new Client()
    c.received = []
    c.waiting = []
    c.mqtt = await mqtt.connectAsync(url, {
      ...versions[version], clientId: `npm-${++number}`, reconnectPeriod: 0, ...options,
    })
    c.mqtt.on('message', (topic, payload, packet) => {
      c.received.push({ topic, payload: payload.toString(), packet })
      c.waiting.shift()?.()
    })
    return c
  }

  async next() {
    while (this.received.length === 0) await new Promise((resolve) => this.waiting.push(resolve))
    return this.received.shift()
  }

  // Nothing came but what was taken: a message to itself is the next one.
  async nothingMore() {
    const topic = `nothing-more/${this.mqtt.options.clientId}`
    await this.mqtt.subscribeAsync(topic)
    await this.mqtt.publishAsync(topic, 'nothing more')
    assert.equal((await this.next()).payload, 'nothing more')
  }
}

async function qos(version) {
  const c = await Client.join(version)
  for (const granted of [0, 1, 2]) {
    const answer = await c.mqtt.subscribeAsync(`${version}/qos/+`, { qos: granted })
    assert.equal(answer[0].qos, granted)
    for (const sent of [0, 1, 2]) {
      await Promise.all(Array.from({ length: 50 }, (_, i) => c.mqtt.publishAsync(`${version}/qos/a`, `${i}`, { qos: sent })))
      for (let i = 0; i < 50; i++) {
        const m = await c.next()
        assert.equal(m.payload, `${i}`)
        assert.equal(m.packet.qos, Math.min(sent, granted))
      }
    }
  }
  await c.nothingMore()
  await c.mqtt.endAsync()
}

async function retained(version) {
  const c = await Client.join(version)
  await c.mqtt.publishAsync(`${version}/r/1`, 'one', { qos: 1, retain: true })
  await c.mqtt.publishAsync(`${version}/r/2`, 'two', { qos: 1, retain: true })
  await c.mqtt.publishAsync(`${version}/r/2`, '', { qos: 1, retain: true })
  await c.mqtt.subscribeAsync(`${version}/r/#`, { qos: 1 })
  const m = await c.next()
  assert.deepEqual([m.payload, m.packet.retain], ['one', true])
  await c.nothingMore()
  await c.mqtt.endAsync()
}

async function resumed(version) {
  const kept = { clientId: `npm-kept-${version}`, clean: false }
  if (version === '5.0') kept.properties = { sessionExpiryInterval: 600 }
  let c = await Client.join(version, kept)
  await c.mqtt.subscribeAsync(`${version}/queue`, { qos: 2 })
  await c.mqtt.endAsync()
  const source = await Client.join(version)
  for (let i = 0; i < 100; i++) await source.mqtt.publishAsync(`${version}/queue`, `${i}`, { qos: 2 })
  c = new Client() // not by join: messages may come before it returns
  c.received = []
  c.waiting = []
  c.mqtt = mqtt.connect(url, { ...versions[version], reconnectPeriod: 0, ...kept })
  c.mqtt.on('message', (topic, payload, packet) => {
    c.received.push({ topic, payload: payload.toString(), packet })
    c.waiting.shift()?.()
  })
  for (let i = 0; i < 100; i++) assert.equal((await c.next()).payload, `${i}`)
  await c.nothingMore()
  await c.mqtt.endAsync()
  await source.mqtt.endAsync()
}

async function will(version) {
  const watch = await Client.join(version)
  await watch.mqtt.subscribeAsync(`${version}/will`, { qos: 1 })
  const doomed = await Client.join(version, { will: { topic: `${version}/will`, payload: 'gone', qos: 1 } })
  doomed.mqtt.stream.destroy()
  assert.equal((await watch.next()).payload, 'gone')
  await watch.mqtt.endAsync()
}

async function five() {
  const a = await Client.join('5.0', { properties: { topicAliasMaximum: 10 }, autoAssignTopicAlias: true })
  await a.mqtt.subscribeAsync('five/#', { qos: 2, nl: true, properties: { subscriptionIdentifier: 77 } })
  const b = await Client.join('5.0', { autoUseTopicAlias: true, autoAssignTopicAlias: true })
  const properties = {
    payloadFormatIndicator: true, messageExpiryInterval: 1000, responseTopic: 'answers', correlationData: Buffer.from([1, 2]),
    contentType: 'text/plain', userProperties: { k: ['v1', 'v2'], l: 'w' },
  }
  await a.mqtt.publishAsync('five/own', 'own', { qos: 1 }) // No Local
  // Not with QoS 2: this client forgets the topic of an alias until PUBREL.
  for (let i = 0; i < 20; i++) await b.mqtt.publishAsync('five/x', `${i}`, { qos: i % 2, properties: { ...properties } })
  for (let i = 0; i < 20; i++) {
    const { topic, payload, packet } = await a.next()
    assert.deepEqual([topic, payload, packet.qos], ['five/x', `${i}`, i % 2])
    assert.equal(packet.properties.subscriptionIdentifier, 77)
    for (const key of ['responseTopic', 'contentType', 'correlationData', 'payloadFormatIndicator']) {
      assert.deepEqual(packet.properties[key], properties[key])
    }
    assert.deepEqual({ ...packet.properties.userProperties }, properties.userProperties)
  }
  await a.nothingMore()
  await Promise.all([a.mqtt.endAsync(), b.mqtt.endAsync()])
}

for (const version of Object.keys(versions)) {
  for (const check of [qos, retained, resumed, will]) {
    await check(version)
    console.log(`npm mqtt ${version} ${check.name}: as expected`)
  }
}
await five()
console.log('npm mqtt 5.0 properties: as expected')
