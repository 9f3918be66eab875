/**
 * The one that is named: a function says who answers. For many agents, for
 * names that come from data, and for letting a model decide.
 */
import { agent, message, parallel, router, RoutingError, sequential, text } from "@agenkit/agenkit";

const says = (name: string, answer: string) => agent(name, () => answer);

console.log("1. A name that the message carries");
{
  const hello = router({ de: says("german", "Hallo"), fr: says("french", "Bonjour") }, {
    route: (m) => String(m.metadata.language),
    otherwise: says("english", "Hello"),
  });
  for (const language of ["de", "fr", "tlh", "__proto__"]) {
    console.log(`  ${language}: ${text(await hello.process(message("user", "Hi", { language })))}`);
  }
}

console.log("\n2. A model decides: it gets the call's signal, so that it is cancelled with it");
{
  const classifier = agent("classifier", (m) => /\d/.test(text(m)) ? "math" : "chat");
  const answer = router([says("math", "42"), says("chat", "How nice")], {
    route: async (m, call) => text(await classifier.process(m, call)),
  });
  for (const content of ["What is 6 * 7?", "Good morning"]) {
    console.log(`  ${content} -> ${text(await answer.process(message("user", content)))}`);
  }
}

console.log("\n3. The model names somebody who does not exist: an error that says who does");
{
  const strict = router([says("math", "42"), says("chat", "How nice")], {
    name: "desk",
    route: () => "astrology",
  });
  const error = await strict.process(message("user", "Hi")).catch((error) => error);
  console.log(`  ${error instanceof RoutingError ? `${error.code}: ${error.message}` : error}`);
}

console.log("\n4. Compositions are agents: a router of a pipeline and of a panel");
{
  const shout = agent("shout", (m) => text(m).toUpperCase());
  const mark = agent("mark", (m) => `${text(m)}!`);
  const work = router({
    loud: sequential([shout, mark]),
    many: parallel([says("a", "yes"), says("b", "no")]),
  }, { route: (m) => m.metadata.many === true ? "many" : "loud" });
  console.log(`  ${text(await work.process(message("user", "hello")))}`);
  const both = await work.process(message("user", "hello", { many: true }));
  console.log(`  ${text(both).replace("\n", ", ")}`);
  console.log(`  capabilities: ${work.capabilities?.join(", ")}`);
}
