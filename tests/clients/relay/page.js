// A page as an application of Relay would write it.

import { graphql } from "relay-runtime";

export const page = graphql`
  query pageQuery($experiment: ExperimentBy!) {
    ...page_experiments
    experiment(by: $experiment) {
      ...page_experiment
    }
  }
`;

export const list = graphql`
  fragment page_experiments on Query
  @refetchable(queryName: "pageExperimentsQuery")
  @argumentDefinitions(
    first: { type: "Int", defaultValue: 20 }
    after: { type: "String" }
    filter: { type: "ExperimentFilter" }
    orderBy: { type: "ExperimentOrder", defaultValue: { field: CREATED_AT, direction: DESC } }
  ) {
    experiments(first: $first, after: $after, filter: $filter, orderBy: $orderBy)
      @connection(key: "page_experiments", filters: ["filter", "orderBy"]) {
      __id
      totalCount
      edges {
        cursor
        node {
          name
          status
          createdAt
        }
      }
    }
  }
`;

export const experiment = graphql`
  fragment page_experiment on Experiment @refetchable(queryName: "pageExperimentQuery") {
    name
    metadata
    variants {
      ...page_variant
    }
  }
`;

export const variant = graphql`
  fragment page_variant on Variant
  @refetchable(queryName: "pageVariantQuery")
  @argumentDefinitions(last: { type: "Int", defaultValue: 5 }, before: { type: "String" }) {
    name
    assignments(last: $last, before: $before, filter: { hasConverted: true })
      @connection(key: "page_assignments") {
      edges {
        node {
          userId
          metrics(first: 5) {
            nodes {
              eventType
            }
          }
        }
      }
    }
  }
`;

export const create = graphql`
  mutation pageCreateMutation($input: ExperimentCreateInput!, $connections: [ID!]!) {
    experimentCreate(input: $input) {
      experiment @prependNode(connections: $connections, edgeTypeName: "ExperimentEdge") {
        name
        status
      }
      errors {
        code
        message
        path
      }
    }
  }
`;

export const remove = graphql`
  mutation pageDeleteMutation($input: ExperimentDeleteInput!, $connections: [ID!]!) {
    experimentDelete(input: $input) {
      deletedId @deleteEdge(connections: $connections) @deleteRecord
    }
  }
`;

export const live = graphql`
  subscription pageStatsSubscription($experiment: ExperimentBy!) {
    experimentStats(experiment: $experiment) {
      revision
      totalAssignments
      experiment {
        status
      }
    }
  }
`;
