const FIRST_QUERY = `# Welcome to abgraph. Your key goes under Headers below:
#   {"Authorization": "Bearer <key>"}
# Ctrl-Enter runs the query, Ctrl-Space completes it.

query Experiments {
  experiments {
    nodes {
      id
      name
      status
      variants {
        name
        trafficWeight
      }
    }
  }
}
`;

async function fetcher({ query, variables, operationName }, { headers } = {}) {
  const response = await fetch("/graphql", {
    method: "POST",
    headers: {
      accept: "application/graphql-response+json, application/json",
      "content-type": "application/json",
      ...headers,
    },
    body: JSON.stringify({ query, variables, operationName }),
  });
  return response.json();
}

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(
    GraphiQL,
    { fetcher, defaultQuery: FIRST_QUERY, defaultEditorToolsVisibility: "headers" },
    React.createElement(GraphiQL.Logo, null, "abgraph"),
  ),
);
