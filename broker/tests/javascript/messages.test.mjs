// The operations of ServiceBusClient, each on a queue of its own.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { delay, ServiceBusAdministrationClient, ServiceBusClient } from "@azure/service-bus";

const WAIT = { maxWaitTimeInMs: 10_000 };
const MOMENT = { maxWaitTimeInMs: 500 };
const administration = new ServiceBusAdministrationClient(process.env.ADMINISTRATION);
let client;

before(() => {
  client = new ServiceBusClient(process.env.CONNECTION, { retryOptions: { maxRetries: 0, timeoutInMs: 20_000 } });
});
after(() => client.close());

async function newQueue(options = {}) {
  const name = `queue-${randomUUID()}`;
  await administration.createQueue(name, options);
  return name;
}

async function send(queue, ...messages) {
  const sender = client.createSender(queue);
  await sender.sendMessages(messages);
  await sender.close();
}

async function receive(receiver, count, wait = WAIT) {
  const received = [];
  while (received.length < count) {
    const some = await receiver.receiveMessages(count - received.length, wait);
    if (some.length === 0) break;
    received.push(...some);
  }
  return received;
}

const bodies = (messages) => messages.map((each) => each.body);

async function isEmpty(queue) {
  const counts = await administration.getQueueRuntimeProperties(queue);
  return counts.totalMessageCount === 0;
}

test("a message arrives as it was sent", async () => {
  const queue = await newQueue();
  const message = {
    body: { text: "ünï", number: 1.5, list: [1, null] },
    messageId: "an id",
    contentType: "application/json",
    correlationId: "c",
    subject: "s",
    to: "t",
    replyTo: "r",
    timeToLive: 60_000,
    applicationProperties: { flag: true, count: 3, name: "n" },
  };
  await send(queue, message);
  const receiver = client.createReceiver(queue);
  const [received] = await receive(receiver, 1);
  for (const [name, value] of Object.entries(message)) assert.deepEqual(received[name], value, name);
  assert.equal(received.deliveryCount, 0);
  assert.equal(received.state, "active");
  assert.equal(received.deadLetterSource, undefined);
  assert.ok(Math.abs(received.enqueuedTimeUtc - Date.now()) < 60_000);
  await receiver.completeMessage(received);
  assert.ok(await isEmpty(queue));
});

test("a message without an id gets one", async () => {
  const queue = await newQueue();
  await send(queue, { body: "first" }, { body: "second" });
  const receiver = client.createReceiver(queue);
  const received = await receive(receiver, 2);
  assert.equal(new Set(received.map((each) => each.messageId)).size, 2);
  for (const each of received) {
    assert.match(each.messageId, /^[0-9a-f]{32}$/);
    await receiver.completeMessage(each);
  }
  assert.ok(await isEmpty(queue));
});

test("bodies of every AMQP kind arrive", async () => {
  const queue = await newQueue();
  const sender = client.createSender(queue);
  for (const [bodyType, body] of [["value", "text"], ["value", { a: 1 }], ["sequence", [1, "two", null]], ["data", Buffer.from([0, 255])]]) {
    await sender.sendMessages({ bodyType, body });
  }
  const receiver = client.createReceiver(queue, { receiveMode: "receiveAndDelete" });
  const received = await receive(receiver, 4);
  assert.deepEqual(received.map((each) => each._rawAmqpMessage.bodyType), ["value", "value", "sequence", "data"]);
  assert.deepEqual(bodies(received).slice(0, 3), ["text", { a: 1 }, [1, "two", null]]);
});

test("a batch is filled until it is full, and arrives in order", async () => {
  const queue = await newQueue();
  const sender = client.createSender(queue);
  const batch = await sender.createMessageBatch();
  let sent = 0;
  while (batch.tryAddMessage({ body: `${sent}`.padEnd(50_000, "x") })) sent += 1;
  assert.ok(sent > 10);
  await sender.sendMessages(batch);
  const receiver = client.createReceiver(queue, { receiveMode: "receiveAndDelete" });
  const received = await receive(receiver, sent);
  assert.deepEqual(bodies(received).map(parseFloat), [...Array(sent).keys()]);
});

test("an abandoned message comes back with its properties, and at last is a dead letter", async () => {
  const queue = await newQueue({ maxDeliveryCount: 2 });
  await send(queue, { body: "again" });
  const receiver = client.createReceiver(queue);
  const [first] = await receive(receiver, 1);
  await receiver.abandonMessage(first, { tries: 1 });
  const [second] = await receive(receiver, 1);
  assert.equal(second.deliveryCount, 1);
  assert.deepEqual(second.applicationProperties, { tries: 1 });
  await receiver.abandonMessage(second);
  const dead = client.createReceiver(queue, { subQueueType: "deadLetter" });
  const [letter] = await receive(dead, 1);
  assert.equal(letter.deadLetterReason, "MaxDeliveryCountExceeded");
  await dead.completeMessage(letter);
  assert.ok(await isEmpty(queue));
});

test("a dead letter has its reason, and no source before it is forwarded", async () => {
  const target = await newQueue();
  const queue = await newQueue({ forwardDeadLetteredMessagesTo: target });
  const kept = await newQueue();
  for (const each of [queue, kept]) {
    await send(each, { body: "bad" });
    const receiver = client.createReceiver(each);
    const [message] = await receive(receiver, 1);
    await receiver.deadLetterMessage(message, { deadLetterReason: "why", deadLetterErrorDescription: "how", extra: 1 });
  }
  const dead = client.createReceiver(kept, { subQueueType: "deadLetter" });
  const [letter] = await receive(dead, 1);
  assert.deepEqual([letter.deadLetterReason, letter.deadLetterErrorDescription], ["why", "how"]);
  assert.equal(letter.applicationProperties.extra, 1);
  assert.equal(letter.deadLetterSource, undefined);
  const [forwarded] = await receive(client.createReceiver(target), 1);
  assert.equal(forwarded.deadLetterSource, queue);
});

test("a deferred message is received by its number", async () => {
  const queue = await newQueue();
  await send(queue, { body: "later" });
  const receiver = client.createReceiver(queue);
  const [message] = await receive(receiver, 1);
  await receiver.deferMessage(message, { put: "off" });
  assert.deepEqual(await receive(receiver, 1, MOMENT), []);
  const [deferred] = await receiver.receiveDeferredMessages(message.sequenceNumber);
  assert.deepEqual([deferred.body, deferred.state, deferred.applicationProperties.put], ["later", "deferred", "off"]);
  await receiver.completeMessage(deferred);
  assert.ok(await isEmpty(queue));
});

test("scheduled messages wait, and can be cancelled", async () => {
  const queue = await newQueue();
  const sender = client.createSender(queue);
  const numbers = await sender.scheduleMessages([{ body: "kept" }, { body: "cancelled" }], new Date(Date.now() + 2_000));
  assert.equal(numbers.length, 2);
  const receiver = client.createReceiver(queue, { receiveMode: "receiveAndDelete" });
  const peeked = await receiver.peekMessages(10);
  assert.deepEqual(peeked.map((each) => each.state), ["scheduled", "scheduled"]);
  await sender.cancelScheduledMessages(numbers[1]);
  const received = await receive(receiver, 1);
  assert.deepEqual(bodies(received), ["kept"]);
  await assert.rejects(sender.cancelScheduledMessages(numbers[1]), { code: "MessageNotFound" });
});

test("peeking changes nothing", async () => {
  const queue = await newQueue();
  await send(queue, { body: "a" }, { body: "b" }, { body: "c" });
  const receiver = client.createReceiver(queue);
  const [first] = await receiver.peekMessages(1);
  const rest = await receiver.peekMessages(10, { fromSequenceNumber: first.sequenceNumber.add(1) });
  assert.deepEqual([first.body, ...bodies(rest)], ["a", "b", "c"]);
  const counts = await administration.getQueueRuntimeProperties(queue);
  assert.equal(counts.activeMessageCount, 3);
});

test("a lock is renewed, and a lost one settles nothing", async () => {
  const queue = await newQueue({ lockDuration: "PT1S" });
  await send(queue, { body: "held" });
  const receiver = client.createReceiver(queue, { maxAutoLockRenewalDurationInMs: 0 });
  const [message] = await receive(receiver, 1);
  const until = await receiver.renewMessageLock(message);
  assert.ok(until > new Date());
  await delay(until - Date.now() + 300);
  await assert.rejects(receiver.completeMessage(message), { code: "MessageLockLost" });
  const [again] = await receive(receiver, 1);
  assert.equal(again.deliveryCount, 1);
  await receiver.completeMessage(again);
});

test("a subscription renews locks and completes what its handler returns from", async () => {
  const queue = await newQueue({ lockDuration: "PT2S" });
  await send(queue, ...[...Array(20).keys()].map((body) => ({ body })));
  const receiver = client.createReceiver(queue);
  const seen = [];
  await new Promise((resolve, reject) => {
    const subscription = receiver.subscribe(
      {
        processMessage: async (message) => {
          if (message.body === 0) await delay(3_000);
          seen.push(message.body);
          if (seen.length === 20) setTimeout(() => subscription.close().then(resolve, reject));
        },
        processError: async ({ error }) => reject(error),
      },
      { maxConcurrentCalls: 4 },
    );
  });
  assert.deepEqual(seen.sort((a, b) => a - b), [...Array(20).keys()]);
  await receiver.close();
  assert.ok(await isEmpty(queue));
});

test("a handler that throws abandons its message", async () => {
  const queue = await newQueue({ maxDeliveryCount: 2 });
  await send(queue, { body: "bad" });
  const receiver = client.createReceiver(queue);
  const errors = [];
  const subscription = receiver.subscribe({
    processMessage: async () => {
      throw new Error("no");
    },
    processError: async ({ errorSource }) => errors.push(errorSource),
  });
  const [letter] = await receive(client.createReceiver(queue, { subQueueType: "deadLetter" }), 1);
  assert.equal(letter.deliveryCount, 2);
  assert.deepEqual(errors, ["processMessageCallback", "processMessageCallback"]);
  await subscription.close();
});

test("messages are iterated", async () => {
  const queue = await newQueue();
  await send(queue, { body: "a" }, { body: "b" });
  const seen = [];
  for await (const message of client.createReceiver(queue, { receiveMode: "receiveAndDelete" }).getMessageIterator(WAIT)) {
    if (message === undefined || seen.push(message.body) === 2) break;
  }
  assert.deepEqual(seen, ["a", "b"]);
});

test("a session has its messages, lock and state, and one receiver", async () => {
  const queue = await newQueue({ requiresSession: true });
  await send(queue, { body: 1, sessionId: "a" }, { body: 2, sessionId: "b" }, { body: 3, sessionId: "a" });
  const receiver = await client.acceptSession(queue, "a");
  assert.equal(receiver.sessionId, "a");
  assert.ok(receiver.sessionLockedUntilUtc > new Date());
  await assert.rejects(client.acceptSession(queue, "a"), { code: "SessionCannotBeLocked" });
  assert.ok((await receiver.renewSessionLock()) > new Date());
  assert.equal(await receiver.getSessionState(), null);
  await receiver.setSessionState({ at: 3 });
  assert.deepEqual(await receiver.getSessionState(), { at: 3 });
  const received = await receive(receiver, 2);
  assert.deepEqual(bodies(received), [1, 3]);
  for (const each of received) await receiver.completeMessage(each);
  await receiver.close();
});

test("the next session is accepted, and waiting for one ends", async () => {
  const queue = await newQueue({ requiresSession: true });
  await send(queue, { body: 1, sessionId: "only" });
  const receiver = await client.acceptNextSession(queue);
  assert.equal(receiver.sessionId, "only");
  const [message] = await receive(receiver, 1);
  await receiver.deadLetterMessage(message, { deadLetterReason: "r" });
  await receiver.close();
  const hasty = new ServiceBusClient(process.env.CONNECTION, { retryOptions: { maxRetries: 0, timeoutInMs: 1_000 } });
  await assert.rejects(hasty.acceptNextSession(queue), (error) => ["ServiceTimeout", "SessionCannotBeLocked"].includes(error.code));
  await hasty.close();
});

test("a deferred message of a session is received by its number", async () => {
  const queue = await newQueue({ requiresSession: true });
  await send(queue, { body: "later", sessionId: "a" });
  const receiver = await client.acceptSession(queue, "a");
  const [message] = await receive(receiver, 1);
  await receiver.deferMessage(message);
  const [deferred] = await receiver.receiveDeferredMessages(message.sequenceNumber);
  await receiver.completeMessage(deferred);
  assert.ok(await isEmpty(queue));
});

test("a duplicate is dropped", async () => {
  const queue = await newQueue({ requiresDuplicateDetection: true });
  await send(queue, { body: "first", messageId: "x" });
  await send(queue, { body: "second", messageId: "x" }, { body: "third", messageId: "y" });
  const receiver = client.createReceiver(queue, { receiveMode: "receiveAndDelete" });
  assert.deepEqual(bodies(await receive(receiver, 2)), ["first", "third"]);
});

test("messages are purged", async () => {
  const queue = await newQueue();
  await send(queue, { body: "a" }, { body: "b" });
  const receiver = client.createReceiver(queue);
  if (receiver.purgeMessages === undefined) return assert.equal(typeof receiver.peekMessages, "function");
  assert.equal(await receiver.purgeMessages({ beforeEnqueueTime: new Date(Date.now() + 60_000) }), 2);
  assert.ok(await isEmpty(queue));
});

test("a message that is too large is refused by its condition", async () => {
  const queue = await newQueue();
  const sender = client.createSender(queue);
  await assert.rejects(sender.sendMessages({ body: "x".repeat(1_100_000) }), { code: "MessageSizeExceeded" });
  await sender.sendMessages({ body: "small" });
});

async function isNotFound(name, receiver) {
  const notFound = { code: "MessagingEntityNotFound" };
  await assert.rejects(client.createSender(name).sendMessages({ body: 1 }), notFound);
  await assert.rejects(receiver.receiveMessages(1, MOMENT), notFound);
  await assert.rejects(receiver.peekMessages(1), notFound);
}

test("an unknown queue is not found", () => isNotFound("no-such-queue", client.createReceiver("no-such-queue")));

test("a topic is not found", () => isNotFound("news", client.createReceiver("news", "mine")));

test("a receiver without a session is refused where sessions are required, and the reverse", async () => {
  const [plain, sessions] = [await newQueue(), await newQueue({ requiresSession: true })];
  await assert.rejects(client.createReceiver(sessions).receiveMessages(1, MOMENT), /session/i);
  await assert.rejects(client.acceptSession(plain, "a"), /session/i);
});

test("a client with a wrong key is refused", async () => {
  const queue = await newQueue();
  const stranger = new ServiceBusClient(process.env.CONNECTION.replace(/SharedAccessKey=[^;]*/, "SharedAccessKey=wrong"), {
    retryOptions: { maxRetries: 0, timeoutInMs: 5_000 },
  });
  await assert.rejects(stranger.createSender(queue).sendMessages({ body: 1 }), { code: "UnauthorizedAccess" });
  await stranger.close();
});
