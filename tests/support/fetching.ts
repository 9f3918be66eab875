/**
 * Runs what fetches something from a network, a few times if need be: that a
 * registry does not answer once says nothing about what is tested.
 *
 * @param attempt Runs it once.
 * @param isFinal Whether an outcome stands, however often it would be tried.
 */
export async function fetching<Outcome>(
  attempt: () => Promise<Outcome>,
  isFinal: (outcome: Outcome) => boolean,
): Promise<Outcome> {
  for (const pauseMs of [2_000, 10_000]) {
    const outcome = await attempt();
    if (isFinal(outcome)) return outcome;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return await attempt();
}
