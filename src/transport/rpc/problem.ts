import type { HttpProblem } from "../http/problem.ts";

/** Answers with an error as the Connect protocol writes it, which people can read too. */
export function problemResponse(problem: HttpProblem): Response {
  const { code, message, status, headers } = problem;
  return new Response(
    // The protocol spells this one code with one "l".
    JSON.stringify({ code: code === "cancelled" ? "canceled" : code, message }),
    { status, headers: { "content-type": "application/json", ...headers } },
  );
}
