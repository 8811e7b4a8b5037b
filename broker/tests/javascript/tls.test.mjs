// Messages over TLS; NODE_EXTRA_CA_CERTS has the broker's certificate.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ServiceBusAdministrationClient, ServiceBusClient } from "@azure/service-bus";

const [, port] = process.env.CONNECTION.match(/127\.0\.0\.1:(\d+)/);
const secure = process.env.CONNECTION.replace(`127.0.0.1:${port}`, "localhost").replace(/;UseDevelopmentEmulator=true/, "");
let client;

before(() => {
  const options = { customEndpointAddress: `sb://localhost:${port}`, retryOptions: { maxRetries: 0, timeoutInMs: 20_000 } };
  client = new ServiceBusClient(secure, options);
});
after(() => client.close());

test("messages go both ways over TLS", async () => {
  const queue = "over-tls";
  await new ServiceBusAdministrationClient(process.env.ADMINISTRATION).createQueue(queue);
  const body = "x".repeat(500_000);
  const sender = client.createSender(queue);
  await sender.sendMessages([{ body, messageId: "large" }]);
  await sender.close();
  const receiver = client.createReceiver(queue);
  const [message] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 10_000 });
  assert.equal(message.body, body);
  await receiver.completeMessage(message);
  await receiver.close();
});
