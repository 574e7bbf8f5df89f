-- Keys that count up, JSON as json with its spaces, snake_case beats, columns that must be filled and
-- that nobody here knows; scenes without a beat, one number twice.
CREATE TABLE projects (id serial PRIMARY KEY, name text NOT NULL, account_id int NOT NULL);
CREATE TABLE story_versions (id bigserial PRIMARY KEY, project_id int NOT NULL REFERENCES projects,
  organization_id bigint NOT NULL, title varchar(80), language char(2), synopsis text, genre text, tone text,
  structure_type varchar(10) NOT NULL, tension_levels json, hero_beats json, hero_key_actions json,
  cat_beats json, cat_key_actions json, harmon_beats json, harmon_key_actions json);
CREATE TABLE scene_plots (id bigserial PRIMARY KEY, story_version_id bigint NOT NULL REFERENCES story_versions,
  beat_key text, scene_number numeric(6,0), plot text, script text, mood text NOT NULL DEFAULT 'grey');
CREATE TABLE scene_shots (id bigserial PRIMARY KEY, scene_plot_id bigint NOT NULL REFERENCES scene_plots,
  shot_number int, shot json);
CREATE TABLE users (id serial PRIMARY KEY, mail text);
INSERT INTO users (mail) VALUES ('ana@example.org');
INSERT INTO projects (name, account_id) VALUES ('One', 7), ('Two', 8);
INSERT INTO story_versions (project_id, organization_id, title, language, structure_type, tension_levels, hero_beats, hero_key_actions) VALUES
  (1, 7, 'The Long Wade', 'en', 'hero', '{ "the_ordeal" : 9, "ordeal" : 2,  "reward": 3 }',
   '{ "ordeal" : "The river is higher than it was. She wades in slowly.", "the_road_back": "They walk home.", "reward": "A dry coat." }',
   '{"ordeal":"She lets go of the rope.",   "the_road_back":"He counts them."}'),
  (2, 8, 'Another', 'id', 'hero', '{}', '{}', '{}');
INSERT INTO scene_plots (story_version_id, beat_key, scene_number, plot, script) VALUES
  (1, 'ordeal', 1, 'She stands at the bank. The water rises.', E'EXT. RIVER - DAY\n\nShe waits at the bank.\n\nMAYA\nNot yet.\n'),
  (1, 'ordeal', 2, 'The rope is thrown across.', NULL),
  (1, 'the_road_back', 3, 'They walk along the dyke.', E'EXT. DYKE - DAY\n\nThey walk.\n'),
  (1, NULL, 4, 'A scene without a beat.', NULL),
  (1, 'reward', 5, 'One.', NULL), (1, 'reward', 5, 'Two.', NULL);
