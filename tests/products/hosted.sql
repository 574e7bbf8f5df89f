-- Keys that are uuids, JSON that is jsonb, beats that are objects, scripts in a table of their own,
-- row-level security, an enum, a trigger that keeps the time of a change; and two projects.
CREATE TYPE structure_kind AS ENUM ('hero', 'cat', 'harmon');
CREATE TABLE projects (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), owner uuid NOT NULL,
  title text NOT NULL, language text, genre text, tone text);
CREATE TABLE story_versions (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  project_id uuid NOT NULL REFERENCES projects ON DELETE CASCADE, version int NOT NULL,
  structure_type structure_kind NOT NULL, synopsis text, tension_levels jsonb NOT NULL DEFAULT '{}',
  hero_beats jsonb, hero_key_actions jsonb, cat_beats jsonb, cat_key_actions jsonb,
  harmon_beats jsonb, harmon_key_actions jsonb, updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE scene_plots (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  story_version_id uuid NOT NULL REFERENCES story_versions ON DELETE CASCADE, beat_key text NOT NULL,
  scene_number smallint, plot text NOT NULL, embedding float8[], updated_at timestamptz DEFAULT now());
CREATE TABLE scene_scripts (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  scene_id uuid NOT NULL UNIQUE REFERENCES scene_plots ON DELETE CASCADE, content text NOT NULL,
  words int GENERATED ALWAYS AS (length(content)) STORED);
CREATE TABLE scene_shots (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  scene_plot_id uuid NOT NULL REFERENCES scene_plots ON DELETE CASCADE, shot_number int, shot jsonb);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN NEW.updated_at = now() + interval '1 second'; RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON story_versions FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER touch BEFORE UPDATE ON scene_plots FOR EACH ROW EXECUTE FUNCTION touch();
INSERT INTO projects VALUES
  ('11111111-1111-4111-8111-111111111111', gen_random_uuid(), 'The Ferry', 'en', 'drama', NULL),
  ('22222222-2222-4222-8222-222222222222', gen_random_uuid(), 'Pelabuhan', 'id-ID', NULL, 'sunyi');
INSERT INTO story_versions (id, project_id, version, structure_type, tension_levels, cat_beats, cat_key_actions) VALUES
  ('aaaaaaaa-1111-4111-8111-111111111111', '11111111-1111-4111-8111-111111111111', 3, 'cat',
   '{"midpoint": "3", "finale": 4.0, "weight": 1.10}',
   '{"midpoint": {"content": "The ferry turns back. Nobody on deck says why.", "notes": "keep", "weight": 1.10},
     "finale": {"content": "They land in the dark."}, "draft": [1, 2.50]}',
   '{"midpoint": {"content": "She unties the rope herself."}, "finale": {"content": "He waves."}}'),
  ('aaaaaaaa-2222-4222-8222-222222222222', '22222222-2222-4222-8222-222222222222', 1, 'harmon',
   '{}', NULL, NULL);
INSERT INTO scene_plots (id, story_version_id, beat_key, scene_number, plot) VALUES
  ('bbbbbbbb-1111-4111-8111-111111111111', 'aaaaaaaa-1111-4111-8111-111111111111', 'midpoint', 4, 'The captain finds the rope cut. He tells the crew to wait.'),
  ('bbbbbbbb-2222-4222-8222-222222222222', 'aaaaaaaa-1111-4111-8111-111111111111', 'midpoint', 5, 'Passengers crowd the rail. The harbour lights go out.'),
  ('bbbbbbbb-3333-4333-8333-333333333333', 'aaaaaaaa-1111-4111-8111-111111111111', 'midpoint', NULL, 'A scene that waits for its number.'),
  ('bbbbbbbb-4444-4444-8444-444444444444', 'aaaaaaaa-1111-4111-8111-111111111111', 'finale', 9, 'They step ashore.');
INSERT INTO scene_scripts (id, scene_id, content) VALUES
  ('cccccccc-1111-4111-8111-111111111111', 'bbbbbbbb-1111-4111-8111-111111111111', E'INT. WHEELHOUSE - NIGHT\n\nThe captain turns the wheel slowly.\n\nCAPTAIN\nWe are going back.\n');
INSERT INTO scene_shots (id, scene_plot_id, shot_number, shot) VALUES
  ('dddddddd-1111-4111-8111-111111111111', 'bbbbbbbb-1111-4111-8111-111111111111', 1, '{"size": "wide"}');
