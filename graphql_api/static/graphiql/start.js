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
  const control = new AbortController();
  const response = await fetch("/graphql", {
    method: "POST",
    headers: {
      accept: "application/graphql-response+json, application/json, text/event-stream",
      "content-type": "application/json",
      ...headers,
    },
    body: JSON.stringify({ query, variables, operationName: present(operationName, query) }),
    signal: control.signal,
  });
  if (!response.headers.get("content-type").startsWith("text/event-stream")) return response.json();
  const found = values(response.body, control.signal);
  // A generator's own return() would wait for the next value.
  found.return = async () => {
    control.abort();
    return { done: true, value: undefined };
  };
  return found;
}

/** GraphiQL notices a moment later that the text has changed, and would name what is no more there. */
function present(name, query) {
  return new RegExp(`\\b(query|mutation|subscription)\\s+${name}\\b`).test(query) ? name : undefined;
}

async function* values(stream, signal) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) throw new Error("The server has ended the stream: run it again.");
      const events = (text + value).split("\n\n");
      text = events.pop();
      for (const event of events) {
        if (event.startsWith("event: complete")) return;
        const [, data] = /^data: (.*)$/m.exec(event) ?? [];
        if (data) yield JSON.parse(data);
      }
    }
  } catch (fault) {
    if (!signal.aborted) throw fault;
  }
}

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(
    GraphiQL,
    { fetcher, defaultQuery: FIRST_QUERY, defaultEditorToolsVisibility: "headers" },
    React.createElement(GraphiQL.Logo, null, "abgraph"),
  ),
);
