// The operations of ServiceBusAdministrationClient on queues; this broker has no topics.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { ServiceBusAdministrationClient } from "@azure/service-bus";

const administration = new ServiceBusAdministrationClient(process.env.ADMINISTRATION);
const newName = () => `queue-${randomUUID()}`;

test("a queue is created with every property", async () => {
  const [name, target] = [newName(), newName()];
  await administration.createQueue(target);
  const options = {
    lockDuration: "PT45S",
    maxSizeInMegabytes: 2048,
    maxMessageSizeInKilobytes: 512,
    requiresDuplicateDetection: true,
    requiresSession: false,
    defaultMessageTimeToLive: "P2D",
    deadLetteringOnMessageExpiration: true,
    duplicateDetectionHistoryTimeWindow: "PT1M",
    maxDeliveryCount: 8,
    enableBatchedOperations: false,
    autoDeleteOnIdle: "PT1H",
    userMetadata: "<of> & mine",
    status: "SendDisabled",
  };
  const forwarding = { forwardTo: target, forwardDeadLetteredMessagesTo: target };
  const created = await administration.createQueue(name, { ...options, ...forwarding });
  for (const queue of [created, await administration.getQueue(name)]) {
    assert.equal(queue.name, name);
    for (const [property, value] of Object.entries(options)) assert.deepEqual(queue[property], value, property);
    for (const property of Object.keys(forwarding)) assert.ok(queue[property].endsWith(`/${target}`), property);
  }
});

test("a queue is updated", async () => {
  const name = newName();
  const queue = await administration.createQueue(name);
  const updated = await administration.updateQueue({ ...queue, maxDeliveryCount: 2_147_483_647, userMetadata: "x" });
  assert.deepEqual([updated.maxDeliveryCount, updated.userMetadata], [2_147_483_647, "x"]);
  assert.equal((await administration.getQueue(name)).maxDeliveryCount, 2_147_483_647);
  await assert.rejects(administration.updateQueue({ ...queue, requiresSession: true }), { statusCode: 400 });
});

test("a queue exists until it is deleted", async () => {
  const name = newName();
  assert.equal(await administration.queueExists(name), false);
  await administration.createQueue(name);
  assert.equal(await administration.queueExists(name), true);
  await assert.rejects(administration.createQueue(name), { code: "MessageEntityAlreadyExistsError" });
  await administration.deleteQueue(name);
  assert.equal(await administration.queueExists(name), false);
  for (const call of ["getQueue", "getQueueRuntimeProperties", "deleteQueue"]) {
    await assert.rejects(administration[call](name), { code: "MessageEntityNotFoundError" }, call);
  }
});

test("queues are listed by pages", async () => {
  const names = [newName(), newName(), newName()];
  for (const name of names) await administration.createQueue(name);
  const listed = [];
  for await (const page of administration.listQueues().byPage({ maxPageSize: 2 })) listed.push(...page.map((each) => each.name));
  for (const name of names) assert.equal(listed.filter((each) => each === name).length, 1);
  const counted = [];
  for await (const queue of administration.listQueuesRuntimeProperties()) counted.push(queue.name);
  assert.ok(names.every((name) => counted.includes(name)));
});

test("the namespace is described", async () => {
  const namespace = await administration.getNamespaceProperties();
  assert.deepEqual([namespace.name, namespace.messagingSku], ["local", "Premium"]);
});

test("topics are refused, and none is found", async () => {
  await assert.rejects(administration.createTopic("news"), { statusCode: 400, message: /queues only/ });
  await assert.rejects(administration.getTopic("news"), { code: "MessageEntityNotFoundError" });
  await assert.rejects(administration.getSubscription("news", "mine"), { code: "MessageEntityNotFoundError" });
  assert.equal(await administration.topicExists("news"), false);
  for await (const topic of administration.listTopics()) assert.fail(topic.name);
});

test("a client with a wrong key is refused", async () => {
  const stranger = new ServiceBusAdministrationClient(process.env.ADMINISTRATION.replace(/SharedAccessKey=[^;]*/, "SharedAccessKey=wrong"), {
    retryOptions: { maxRetries: 0 },
  });
  await assert.rejects(stranger.getQueue("orders"), { statusCode: 401, code: "UnauthorizedRequestError" });
});
