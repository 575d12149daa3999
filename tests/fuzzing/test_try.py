import asyncio, time, collections
import requests
import schemathesis
from hypothesis import Phase, HealthCheck, given, settings, strategies as st
from schemathesis.graphql import nodes
from tests.live.conftest import *

def test_x(): pass

async def test_try(server):
    def work():
        schemathesis.graphql.scalar("JSON", st.just(1).map(nodes.Int))
        schema = schemathesis.graphql.from_url(server.url + "/graphql", headers={"Authorization": f"Bearer {SERVER_KEY}"})
        ops = [r.ok() for r in schema.get_all_operations()]
        print(len(ops))
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {SERVER_KEY}"
        for op in ops:
            began=time.time()
            seen = collections.Counter(); n=[0]; sizes=[]
            @settings(derandomize=True, max_examples=20, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
            @given(op.as_strategy())
            def one(case):
                t=time.time()
                r = session.post(server.url+"/graphql", json={"query": case.body if isinstance(case.body,str) else case.body})
                sizes.append((len(case.body), round(time.time()-t,3)))
                n[0]+=1
                a = r.json()
                seen[r.status_code, *{(e["extensions"]["code"], e["message"][:60]) for e in a.get("errors",())}]+=1
            one()
            print(op.label, n, round(time.time()-began,1), sum(t for _,t in sizes), max(sizes), seen)
    await asyncio.to_thread(work)
