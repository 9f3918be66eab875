/**
 * Runs in the browser: an agent like any other, called over Connect, whose
 * answer appears word by word until the reader has had enough.
 */
import { message, text } from "@agenkit/agenkit";
import { rpcAgent } from "@agenkit/agenkit/rpc";

const writer = rpcAgent(location.origin, { name: "writer" });
const [topic, answer] = ["topic", "answer"].map((id) => document.getElementById(id));
/** @type {AbortController | undefined} */
let reading;

document.getElementById("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  reading?.abort();
  reading = new AbortController();
  const { signal } = reading;
  answer.textContent = "";
  try {
    const asked = message("user", topic.value);
    for await (const chunk of writer.stream(asked, { signal })) {
      answer.textContent += text(chunk);
    }
  } catch (error) {
    if (!signal.aborted) answer.textContent += ` [${error.message}]`;
  }
});

// Aborting stops the agent on the server, too.
document.getElementById("stop").addEventListener("click", () => reading?.abort());
