"""Rows as each revision may meet them, in SQL: what our code writes today tells nothing of then."""

from pathlib import Path

import migrations.versions

REVISIONS = tuple(
    path.name[11:14]
    for folder in migrations.versions.__path__
    for path in sorted(Path(folder).glob("20*.py"))
)

_ROWS_OF_001 = """
INSERT INTO ab_experiments
  (id, experiment_name, description, target_bot, status, started_at, completed_at,
   default_traffic_split, winner_variant, statistical_significance, created_at, created_by)
VALUES
  ('e0000000-0000-4000-8000-000000000001', 'Draft 🎉', NULL, NULL, 'draft', NULL, NULL,
   '{}', NULL, NULL, '2026-03-01', NULL),
  ('e0000000-0000-4000-8000-000000000002', 'Active', 'runs', 'bot', 'active', '2026-03-03', NULL,
   '{"a": 0.3, "b": 0.7}', NULL, NULL, '2026-03-02', 'c0000000-0000-4000-8000-000000000001'),
  ('e0000000-0000-4000-8000-000000000003', 'Paused', '', 'bot', 'paused', NULL, NULL,
   '[]', NULL, NULL, '2026-03-03', NULL),
  ('e0000000-0000-4000-8000-000000000004', 'Completed', NULL, NULL, 'completed', '2026-03-05',
   '2026-04-05', '{}', 'b', 0.012345678901234567, '2026-03-04', NULL),
  ('e0000000-0000-4000-8000-000000000005', 'Archived', NULL, NULL, 'archived', NULL, NULL,
   '{}', NULL, NULL, '2026-03-05', NULL),
  ('e0000000-0000-4000-8000-000000000006', 'Archived when it ran', NULL, NULL, 'archived',
   '2026-03-07', NULL, '{}', NULL, NULL, '2026-03-06', NULL);

INSERT INTO ab_variants
  (id, experiment_id, variant_name, variant_label, config_overrides, traffic_weight, impressions,
   conversions, conversion_rate, total_value, confidence_interval_lower, is_control, created_at)
VALUES
  ('f0000000-0000-4000-8000-000000000011', 'e0000000-0000-4000-8000-000000000001', 'b', NULL,
   '{}', 0, 0, 0, 0, 0, NULL, false, '2026-03-01'),
  ('f0000000-0000-4000-8000-000000000012', 'e0000000-0000-4000-8000-000000000001', 'a', NULL,
   '{}', 0, 0, 0, 0, 0, NULL, false, '2026-03-01'),
  ('f0000000-0000-4000-8000-000000000013', 'e0000000-0000-4000-8000-000000000001', 'z', NULL,
   '{}', 0, 0, 0, 0, 0, NULL, true, '2026-03-01'),
  ('f0000000-0000-4000-8000-000000000021', 'e0000000-0000-4000-8000-000000000002', 'b', 'B',
   '{"steps": [1, null]}', 0.7, 9007199254740993, 2, 0.1, 1e300, -0.1, false, '2026-03-03'),
  ('f0000000-0000-4000-8000-000000000022', 'e0000000-0000-4000-8000-000000000002', 'a', '',
   '[]', 0.3, 10, 1, 0.1, 0.1, NULL, true, '2026-03-02'),
  ('f0000000-0000-4000-8000-000000000031', 'e0000000-0000-4000-8000-000000000003', 'a', NULL,
   '{}', 1, 0, 0, 0, 0, NULL, true, '2026-03-03');

INSERT INTO ab_assignments
  (id, experiment_id, variant_id, user_id, session_id, assigned_at, bucket_value, has_converted,
   converted_at, metadata)
VALUES
  ('a0000000-0000-4000-8000-000000000001', 'e0000000-0000-4000-8000-000000000002',
   'f0000000-0000-4000-8000-000000000021', 'ada', NULL, '2026-03-04', 0.9999, true, '2026-03-05',
   '{"k": "v"}'),
  ('a0000000-0000-4000-8000-000000000002', 'e0000000-0000-4000-8000-000000000002',
   'f0000000-0000-4000-8000-000000000022', 'bob 🎉', 's', '2026-03-04', 0, false, NULL, '[]'),
  ('a0000000-0000-4000-8000-000000000003', 'e0000000-0000-4000-8000-000000000003',
   'f0000000-0000-4000-8000-000000000031', 'ada', '', '2026-03-04', 0.5, false, NULL, '{}');

INSERT INTO ab_metrics
  (id, experiment_id, variant_id, assignment_id, event_type, event_value, event_data,
   event_timestamp, source, session_context)
SELECT md5(id || '/' || number)::uuid, experiment_id, variant_id, id, 'click', number, '[]',
       assigned_at + number * interval '1 second', nullif(session_id, ''), '{"page": null}'
  FROM ab_assignments, generate_series(1, 3) AS number
"""

# Of each revision after the first: values, in what it adds, that it would not give by itself.
_CHANGES = {
    "002": """
        INSERT INTO ab_projects (id, name) VALUES ('d0000000-0000-7000-8000-000000000001', 'Own');
        UPDATE ab_experiments SET project_id = 'd0000000-0000-7000-8000-000000000001'
         WHERE status = 'draft'
    """,
    "003": """
        UPDATE ab_experiments
           SET target_url = 'https://shop.example', alpha = 0.01, power = 0.9,
               correction = 'none', allocation = 'thompson', hash_algorithm = 'statsig',
               hash_seed = 'seed', traffic_allocation = 0.25, metadata = '[null]'
         WHERE status = 'draft'
    """,
    "004": "UPDATE ab_experiments SET version = 7 WHERE status = 'active'",
    "005": """
        INSERT INTO ab_phases SELECT experiment_id, 2, '{"a": 1}', 0.5, now() FROM ab_phases;
        UPDATE ab_experiments SET phase = 2 WHERE phase = 1
    """,
    "006": """
        INSERT INTO ab_metric_definitions
        SELECT gen_random_uuid(), id, 0, 'clicks', 'click', 'mean', 'guardrail', 'decrease',
               'absolute', -1, 1, 24, 0.1
          FROM ab_experiments
    """,
    "007": """
        UPDATE ab_variants SET content = '{"headline": []}', is_active = false, position = 9
         WHERE variant_name = 'b'
    """,
    "008": """
        UPDATE ab_assignments SET context = '{"country": "CH"}', conversion_value = 12.5,
               propensity = 0.125
         WHERE user_id = 'ada'
    """,
    "013": "UPDATE ab_projects SET plan = 'free' WHERE name = 'Own'",
    "014": """
        INSERT INTO ab_users (id, email, name, password_hash, disabled_at)
        VALUES ('c0000000-0000-7000-8000-000000000001', 'ada@shop.example', 'Ada', '$', NULL),
               ('c0000000-0000-7000-8000-000000000002', 'bob@shop.example', '', '$', '2026-05-01');
        INSERT INTO ab_memberships (project_id, user_id, role)
        SELECT ab_projects.id, ab_users.id, 'viewer' FROM ab_projects, ab_users;
        INSERT INTO ab_sessions (id, project_id, user_id, token_hash, expires_at)
        SELECT gen_random_uuid(), project_id, user_id, md5(project_id || '/' || user_id)::bytea,
               '2026-06-01'
          FROM ab_memberships
    """,
    "015": """
        INSERT INTO ab_api_keys (id, project_id, name, prefix, key_hash, scopes, allowed_origins,
                                 last_used_at, expires_at, revoked_at)
        SELECT gen_random_uuid(), id, 'tracker', 'abk_12345678', id::text::bytea, '["track"]',
               '["*"]', '2026-05-01', '2027-05-01', '2026-05-02'
          FROM ab_projects
    """,
    "016": """
        INSERT INTO ab_audit (id, project_id, happened_at, actor_kind, actor_name, action,
                              subject_id, subject_name, changes)
        SELECT gen_random_uuid(), id, '2026-05-01', 'operator', 'root', 'project.plan', id, name,
               '{"plan": "FREE"}'
          FROM ab_projects
    """,
    "017": "UPDATE ab_assignments SET phase = 2 WHERE user_id = 'ada'",
    "018": """
        UPDATE ab_metrics SET event_id = id::text WHERE user_id = 'ada';
        UPDATE ab_experiments SET events_pruned_before = '2026-03-01' WHERE status = 'active'
    """,
    "019": "UPDATE ab_running_sums SET stripe = 7, changes = 2",
    "020": """
        INSERT INTO ab_snapshots
          (experiment_id, number, taken_at, revision, status, active, sums, fixed, standing,
           alarmed, is_kept)
        SELECT id, 3, '2026-03-09', 12, status, '["f0"]', '[["f0", 1.5]]', '{"taken_at": null}',
               '{"f0": {"kind": "ship"}}', true, true FROM ab_experiments WHERE status = 'active'
    """,
    "021": """
        INSERT INTO ab_elements
          (id, experiment_id, name, selector_type, selector_value, element_type, position,
           created_at, updated_at)
        SELECT gen_random_uuid(), id, 'buy', 'xpath', '//button', 'button', 3, '2026-03-10',
               '2026-03-11'
          FROM ab_experiments;
        INSERT INTO ab_element_variants
          (id, element_id, variant_id, name, content, is_active, position)
        SELECT gen_random_uuid(), ab_elements.id, ab_variants.id, 'b', '{"text": null}', false, 2
          FROM ab_elements JOIN ab_variants USING (experiment_id)
    """,
    "022": """
        INSERT INTO ab_funnels (id, project_id, name, description, version)
        SELECT gen_random_uuid(), id, 'orders', '', 3 FROM ab_projects;
        INSERT INTO ab_funnel_nodes (id, funnel_id, name, event_type, position)
        SELECT gen_random_uuid(), id, 'step ' || place, 'order', place
          FROM ab_funnels, generate_series(0, 1) AS place;
        INSERT INTO ab_funnel_edges (funnel_id, source_id, target_id)
        SELECT source.funnel_id, source.id, target.id
          FROM ab_funnel_nodes AS source JOIN ab_funnel_nodes AS target USING (funnel_id)
         WHERE source.position < target.position
    """,
    "023": """
        UPDATE ab_phases SET plug_ins = '{"clicks": {"a": 0.5}}';
        UPDATE ab_variants SET algorithm_state = 'state'::bytea WHERE variant_name = 'a';
        UPDATE ab_snapshots SET clocks = '{"f0": 0.25}'
    """,
}


def rows(revision: str) -> str:
    """A script that fills what the revision adds; that of 001 fills all four tables."""
    return _ROWS_OF_001 if revision == "001" else _CHANGES.get(revision, "SELECT")
