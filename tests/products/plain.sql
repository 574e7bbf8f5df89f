-- As plain as can be: everything is text, title, language, synopsis, genre, tone are nowhere, and of the
-- structures there is one; a story of another.
CREATE TABLE projects (id text PRIMARY KEY, name text NOT NULL);
CREATE TABLE story_versions (id text PRIMARY KEY, project_id text NOT NULL REFERENCES projects, structure_type text,
  tension_levels text, harmon_beats text, harmon_key_actions text);
CREATE TABLE scene_plots (id text PRIMARY KEY, story_version_id text NOT NULL REFERENCES story_versions, beat_key text,
  scene_number int, plot text, script text);
INSERT INTO projects VALUES ('p1', 'Air Pasang');
INSERT INTO story_versions (id, project_id, structure_type, tension_levels, harmon_beats, harmon_key_actions) VALUES
  ('s1', 'p1', 'harmon', '{"take" :2, "odd": 1.10,"take2":{"a":1,"a":2}}',
   '{ "take": "Ibu menutup pintu pelan-pelan. Anak itu menangis di dapur." ,"return":null}', '{"take":"Ibu pergi."}');
INSERT INTO story_versions (id, project_id, structure_type) VALUES ('s2', 'p1', 'hero');
INSERT INTO scene_plots VALUES
  ('c1', 's1', 'take', 1, 'Ibu berdiri di dapur. Hujan turun.', E'INT. DAPUR - MALAM\n\nIbu berjalan pelan.\n\nIBU\nAyo.\n'),
  ('c2', 's1', 'take', 2, NULL, NULL);
