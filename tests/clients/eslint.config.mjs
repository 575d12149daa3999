// The rules for schemas and for Relay; whatever is exempt from one says why.

import graphql from "@graphql-eslint/eslint-plugin";

const RULES = {
  ...graphql.configs["flat/schema-recommended"].rules,
  ...graphql.configs["flat/schema-relay"].rules,
};

// What is read only as part of something else and cannot be asked for alone has no id.
const WITHOUT_ID = {
  // the shapes of Relay itself, and the answers to mutations
  suffixes: ["Connection", "Edge", "Payload"],
  types: [
    "PageInfo",
    // computed anew whenever they are asked for
    ...["ArmDecision", "AssignmentExplanation", "BucketRange", "Comparison", "Decision", "Effect"],
    ...["ExperimentCount", "ExperimentResults", "Inference", "Interval", "MetricResults"],
    ...["FunnelLinkReport", "FunnelReport", "FunnelStepReport", "FunnelVariantReport"],
    ...["RateLimit", "SampleRatioCheck", "SampleSizePlan", "VariantResult", "Viewer"],
    // parts of an experiment, a variant, a funnel, a project or an answer, named by their place in it
    ...["AssignResult", "BanditState", "FunnelLink", "Membership", "MetricDefinition", "Phase"],
    // refusals, one type for each reason
    ...["IllegalTransition", "InvalidInput", "NameTaken", "NotFound", "PlanLimitReached"],
    ...["Refused", "VersionConflict"],
  ],
};

export const EXEMPTIONS = {
  "@graphql-eslint/strict-id-in-types": ["error", { exceptions: WITHOUT_ID }],
  // A list whose length is bounded, as an experiment's variants, needs no pages.
  "@graphql-eslint/relay-edge-types": ["error", { listTypeCanWrapOnlyEdgeType: false }],
  // @oneOf is GraphQL's own and is printed without its description.
  "@graphql-eslint/require-description": ["error", { types: true, rootField: true }],
};

// What is called so in the contract that clients rely on.
const NAMED_BY_THE_CONTRACT = new Set(["elementType"]);
const PREFIX = graphql.rules["no-typename-prefix"];

/** The rule, save for those names; it has no option for that. */
const prefixButForThose = {
  ...PREFIX,
  create(context) {
    const report = (found) =>
      NAMED_BY_THE_CONTRACT.has(found.node?.value) || context.report(found);
    return PREFIX.create(Object.create(context, { report: { value: report } }));
  },
};
const plugin = {
  ...graphql,
  rules: { ...graphql.rules, "no-typename-prefix": prefixButForThose },
};

export default [
  {
    files: ["schema.graphql"],
    plugins: { "@graphql-eslint": plugin },
    languageOptions: {
      parser: graphql.parser,
      parserOptions: { graphQLConfig: { schema: "schema.graphql" } },
    },
    rules: { ...RULES, ...EXEMPTIONS },
  },
];
