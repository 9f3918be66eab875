import {
  type Agent,
  conditional,
  contentContains,
  fallback,
  type Message,
  message,
  parallel,
  router,
  sequential,
  task,
  text,
} from "../../mod.ts";
import { type Group, repeat, type Row } from "./suite.ts";

const CALLS = 1000;
const question = message("user", "Where is my invoice?");
const answer = message("agent", "On its way.");

/** What every row calls: it answers at once, so that only the composition is measured. */
// deno-lint-ignore require-await -- an await in it would be measured as well
const work = async (_: Message): Promise<Message> => answer;

/** An agent that is nothing but its function, for the compositions and the lines by hand alike. */
const plain = (name: string): Agent => ({ name, process: work });
const plains = (count: number) => Array.from({ length: count }, (_, i) => plain(`agent ${i}`));
const [a, b, c] = [plain("a"), plain("b"), plain("c")];

/** Always the same error: to make one costs more than all else. */
const down = new Error("down");
const failing: Agent = { name: "failing", process: () => Promise.reject(down) };

const CHUNKS = 10;
const streaming = {
  name: "streaming",
  process: work,
  async *stream() {
    for (let i = 0; i < CHUNKS; i++) yield answer;
  },
};

/** What a composition costs beside the lines that one would write by hand. */
function group(name: string, byHand: Row, rows: Readonly<Record<string, Row>>): Group {
  return { name: `compose/${name}`, calls: CALLS, rows: { "by hand": byHand, ...rows } };
}

const agenkit = (composed: Agent): Row => repeat(CALLS, () => composed.process(question));

function sequentialGroup(): Group {
  const byHand = repeat(CALLS, async () => {
    const first = await a.process(question);
    const second = await b.process(first);
    return await c.process(second);
  });
  return group("sequential of 3", byHand, { agenkit: agenkit(sequential([a, b, c])) });
}

const ask3 = () => Promise.all([a.process(question), b.process(question), c.process(question)]);

/** The first answer counts; nothing is made of the others. */
function parallelGroup(): Group {
  return group("parallel of 3", repeat(CALLS, ask3), {
    agenkit: agenkit(parallel([a, b, c], { aggregate: () => answer })),
  });
}

/** One answer is made of all, with a name before each. */
function joinedGroup(): Group {
  const byHand = repeat(CALLS, async () => {
    const [first, second, third] = await ask3();
    const lines = [`[a]: ${text(first)}`, `[b]: ${text(second)}`, `[c]: ${text(third)}`];
    return message("agent", lines.join("\n"));
  });
  return group("parallel of 3, joined", byHand, { agenkit: agenkit(parallel([a, b, c])) });
}

function routerGroup(): Group {
  const table = new Map([["a", a], ["b", b], ["c", c]]);
  const route = () => "b";
  return group("router", repeat(CALLS, async () => await table.get(route())!.process(question)), {
    agenkit: agenkit(router([a, b, c], { route })),
  });
}

function conditionalGroup(): Group {
  const [refund, invoice] = [contentContains("refund"), contentContains("invoice")];
  const choose = (m: Message) => refund(m) ? a : invoice(m) ? b : c;
  return group("conditional", repeat(CALLS, async () => await choose(question).process(question)), {
    agenkit: agenkit(
      conditional([{ when: refund, agent: a }, { when: invoice, agent: b }], { otherwise: c }),
    ),
  });
}

function fallbackGroup(name: string, first: Agent): Group {
  const byHand = repeat(CALLS, async () => {
    try {
      return await first.process(question);
    } catch {
      return await b.process(question);
    }
  });
  return group(`fallback, ${name}`, byHand, { agenkit: agenkit(fallback([first, b])) });
}

function taskGroup(): Group {
  return group("task", repeat(CALLS, () => work(question)), {
    agenkit: repeat(CALLS, () => task(a).execute(question)),
  });
}

/** Two agents at once, then one that makes something of both. */
function nestedGroup(): Group {
  const byHand = repeat(CALLS, async () => {
    const [first, second] = await Promise.all([a.process(question), b.process(question)]);
    return await c.process(message("agent", `[a]: ${text(first)}\n[b]: ${text(second)}`));
  });
  return group("parallel in sequential", byHand, {
    agenkit: agenkit(sequential([parallel([a, b]), c])),
  });
}

function streamGroup(): Group {
  const composed = sequential([a, streaming]);
  const read = async (start: () => Promise<AsyncIterable<Message>>) => {
    let chunks = 0;
    for await (const _ of await start()) chunks++;
    if (chunks !== CHUNKS) throw new Error(`Expected ${CHUNKS} chunks, got ${chunks}`);
  };
  const byHand = repeat(CALLS, () =>
    read(async () => {
      await a.process(question);
      return streaming.stream();
    }));
  return group(`sequential, streamed in ${CHUNKS} chunks`, byHand, {
    // deno-lint-ignore require-await -- as the line by hand
    agenkit: repeat(CALLS, () => read(async () => composed.stream(question))),
  });
}

/** The same composition of more and more agents: what it costs has to grow as they do. */
function growthGroup(name: string, compose: (agents: readonly Agent[]) => Agent): Group {
  const calls = 100;
  const rows = [2, 5, 10, 100].map((count): [string, Row] => {
    const composed = compose(plains(count));
    return [`${count} agents`, repeat(calls, () => composed.process(question))];
  });
  return { name: `compose/${name}, growth`, calls, rows: Object.fromEntries(rows) };
}

/** What `deno task bench` measures of the compositions, each beside the lines by hand. */
export const GROUPS: readonly Group[] = [
  sequentialGroup(),
  parallelGroup(),
  joinedGroup(),
  routerGroup(),
  conditionalGroup(),
  fallbackGroup("first answers", a),
  fallbackGroup("second answers", failing),
  taskGroup(),
  nestedGroup(),
  streamGroup(),
  growthGroup("sequential", (agents) => sequential(agents)),
  growthGroup("parallel", (agents) => parallel(agents)),
  growthGroup("fallback", (agents) => {
    const failures = agents.slice(1).map(({ name }) => ({ ...failing, name }));
    return fallback([...failures, agents[0]!]);
  }),
  growthGroup("conditional", (agents) => {
    const never = contentContains("refund");
    const routes = agents.slice(1).map((agent) => ({ when: never, agent }));
    return conditional(routes, { otherwise: agents[0] });
  }),
  growthGroup("router", (agents) => router(agents, { route: () => agents.at(-1)!.name })),
];
