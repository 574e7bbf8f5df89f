-- Keys in a schema that is seen, one table of beats for all structures, a view, partitions, a domain;
-- levels and texts of one structure only, the rest of the columns being one and the same.
CREATE DOMAIN words AS text CHECK (length(VALUE) < 20000);
CREATE TABLE projects (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name words NOT NULL);
CREATE TABLE versions (id integer GENERATED ALWAYS AS IDENTITY, project_id integer NOT NULL REFERENCES projects,
  title words, language text, structure_type text, tension_levels jsonb, beats jsonb, key_actions jsonb,
  locked_by text, PRIMARY KEY (id, project_id)) PARTITION BY HASH (project_id);
CREATE TABLE versions_0 PARTITION OF versions FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE versions_1 PARTITION OF versions FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE all_scenes (id bigint PRIMARY KEY, version_id integer NOT NULL, beat_key text, scene_number int,
  plot varchar(4000), script varchar(8000), deleted boolean NOT NULL DEFAULT false);
CREATE VIEW scene_plots AS SELECT id, version_id AS story_version_id, beat_key, scene_number, plot, script
  FROM all_scenes WHERE NOT deleted;
INSERT INTO projects (name) VALUES ('House');
INSERT INTO versions (project_id, title, language, structure_type, tension_levels, beats, key_actions) VALUES
  (1, 'Low Water', 'en', 'cat', '{"setup": 2}', '{"setup": {"text": "The tide is out. Boats lie on their sides.", "by": "ana"}}', '{"setup": {"text": "He counts the boats."}}');
INSERT INTO all_scenes VALUES
  (100, 1, 'setup', 1, 'A man counts boats. One is missing.', E'EXT. HARBOUR - DAY\n\nHe counts slowly.\n', false),
  (101, 1, 'setup', 1, 'Deleted long ago.', 'old', true);
