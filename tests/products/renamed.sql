-- Other names throughout, in a schema of its own that no statement sees; keys that are varchars.
CREATE SCHEMA studio;
CREATE TABLE studio.workspaces (id varchar(32) PRIMARY KEY, label text NOT NULL);
CREATE TABLE studio.drafts (key varchar(32) PRIMARY KEY, workspace varchar(32) NOT NULL REFERENCES studio.workspaces,
  name text, lang text, kind text, curve jsonb, hero_beats jsonb, hero_key_actions jsonb,
  cat_beats jsonb, cat_key_actions jsonb, loop_beats jsonb, loop_actions jsonb, "Updated At" timestamptz DEFAULT now());
CREATE TABLE studio."Scenes" (id varchar(32) PRIMARY KEY, draft varchar(32) NOT NULL REFERENCES studio.drafts,
  beat text, "no" text, summary text);
CREATE TABLE studio.pages (scene varchar(32) PRIMARY KEY REFERENCES studio."Scenes", fountain text);
INSERT INTO studio.workspaces VALUES ('w1', 'House');
INSERT INTO studio.drafts (key, workspace, name, lang, kind, curve, loop_beats, loop_actions) VALUES
  ('d1', 'w1', 'A Short Loop', 'en', 'harmon', '{"go": 3, "find": 2}',
   '{"go": {"body": "She crosses the yard. The dog follows her.", "status": "ok"}, "find": {"body": "A key."}}',
   '{"go": {"body": "She opens the gate."}}');
INSERT INTO studio."Scenes" VALUES ('s1', 'd1', 'go', '1', 'The yard in the morning. Nobody is up.'),
  ('s2', 'd1', 'go', '2', 'The gate is stiff.'), ('s3', 'd1', 'find', 'three', 'No number in figures.');
INSERT INTO studio.pages VALUES ('s1', E'EXT. YARD - DAY\n\nShe walks slowly to the gate.\n'), ('s2', NULL);
