// Clients of other projects hear of customers, lose their connections when the server is replaced,
// and go on where they were: `node live.mjs URL NUMBER CURSOR PROGRAM` prints what each heard.
// The last one is a program in a page of Chromium, which prints each event.
import { runInPage } from "./browser/urql.mjs";
import { createClient as createEventStreamClient } from "./programs/node_modules/graphql-sse/lib/index.mjs";
import { createClient as createWebSocketClient } from "./programs/node_modules/graphql-ws/dist/index.js";
import WebSocket from "./programs/node_modules/ws/wrapper.mjs";

const [url, number, cursor, program] = process.argv.slice(2);
const expected = Number(number);
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

function take(emails, event) {
  emails.push(event.customer.email);
  if (emails.length === 1) console.error("heard");
}

/** The email addresses that a client hears of. It subscribes again after the last cursor. */
function heard(client) {
  const emails = [];
  const request = { query, variables: { after: cursor } };
  return new Promise((resolve, reject) => {
    client.subscribe(request, {
      next({ data, errors }) {
        if (errors) return reject(new Error(JSON.stringify(errors)));
        // The next connection sends the same object.
        request.variables.after = data.customerEvents.cursor;
        take(emails, data.customerEvents);
        if (emails.length === expected) resolve(emails);
      },
      error: reject,
      complete: () => reject(new Error("The stream is complete.")),
    });
  });
}

/** The email addresses that the page hears of. */
async function heardByPage() {
  const emails = [];
  await runInPage(new URL(url).origin, program, (line) => {
    take(emails, JSON.parse(line));
    return emails.length === expected;
  });
  return emails;
}

const all = [heard(eventStreams), heard(webSockets), heardByPage()];
console.log(JSON.stringify(await Promise.all(all)));
process.exit();
