// What an application may do with the generated types, and what the compiler keeps it from.

import type * as made from "./made";

const page = {} as made.ExperimentsQuery["experiments"];
export const count: number = page.totalCount;
export const cursor: string | null = page.pageInfo.endCursor ?? null;
export const since: string[] = page.edges.map(({ node }) => node.createdAt);
// @ts-expect-error a BigInt is a number
export const words: string = page.totalCount;
// @ts-expect-error any JSON may stand there: look before it is used
export const title: string = page.edges[0].node.metadata.title;

const thing = {} as NonNullable<made.ThingQuery["node"]>;
export const event = thing.__typename === "Metric" ? thing.eventType : null;
// @ts-expect-error only of a Metric
export const value = thing.eventValue;

const live = {} as made.StatsSubscription["experimentStats"];
export const observed: number[] = live.sampleRatio.observed;

export const known: made.CreateMutationVariables = {
  input: { name: "checkout-cta", variants: [{ name: "control", isControl: true }, { name: "b" }] },
};
// @ts-expect-error a mutation needs its input
export const none: made.CreateMutationVariables = {};
// @ts-expect-error one of them, never both
export const both: made.StatsSubscriptionVariables = { experiment: { id: "x", name: "y" } };
