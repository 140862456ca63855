// Two clients of other projects hear of a customer, lose their connections when the server is
// replaced, and go on where they were: `node live.mjs URL` prints what each of them heard.
import { createClient as createEventStreamClient } from "./programs/node_modules/graphql-sse/lib/index.mjs";
import { createClient as createWebSocketClient } from "./programs/node_modules/graphql-ws/dist/index.js";
import WebSocket from "./programs/node_modules/ws/wrapper.mjs";

const [url, expected] = [process.argv[2], Number(process.argv[3])];
const query = `subscription Live($after: String) {
  customerEvents(after: $after) {
    __typename
    ... on CustomerCreated { cursor customer { email } }
  }
}`;
const retry = { retryAttempts: 20, retryWait: pause, retry: pause };
const eventStreams = createEventStreamClient({ url, ...retry });
const webSockets = createWebSocketClient({
  url: url.replace("http", "ws"),
  webSocketImpl: WebSocket,
  shouldRetry: () => true,
  ...retry,
});

async function pause() {
  await new Promise((resolve) => setTimeout(resolve, 200));
}

/** The email addresses that a client hears of. It subscribes again after the last cursor. */
function heard(client) {
  const emails = [];
  const request = { query, variables: { after: null } };
  return new Promise((resolve, reject) => {
    client.subscribe(request, {
      next({ data, errors }) {
        if (errors) return reject(new Error(JSON.stringify(errors)));
        // The next connection sends the same object.
        request.variables.after = data.customerEvents.cursor;
        emails.push(data.customerEvents.customer.email);
        if (emails.length === expected) resolve(emails);
      },
      error: reject,
      complete: () => reject(new Error("The stream is complete.")),
    });
  });
}

const both = [heard(eventStreams), heard(webSockets)];
setTimeout(() => console.error("subscribed"), 1000);
console.log(JSON.stringify(await Promise.all(both)));
process.exit();
