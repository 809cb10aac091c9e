"""The smallest policy and agencies that load, as files: a test breaks one line and reads the refusal."""

POLICY = """\
kinds:
  - kind: idva
    title: Advocates
    serves: victim
    outward: true
    source: invented
    grants: [{data_class: R, whose: any}, {data_class: P}]
    last_step: {kind: duty_inspector, text: safe_contact, answers: [answer_obtained]}
  - {kind: dsl, title: School, serves: school, outward: true, source: invented, grants: [], falls_back_to: mash}
  - {kind: mash, title: Front door, serves: child, outward: true, source: invented, grants: []}
  - {kind: refuge, title: Refuge, serves: named, outward: true, source: invented, grants: []}
  - {kind: duty_inspector, title: Inspector, serves: victim, outward: false, source: invented, grants: []}
times: {session_begins: 08:30, school_morning: 07:30, working_day_opens: 09:00, working_day_closes: 17:00, source: x,
  longest_break_days: 75}
escalation_steps:
  - {begins: 2024-01-01, source: invented}
clocks:
  - {clock: safe_contact_fresh, begins: 2024-01-01, source: invented, within: {days_after: 29}}
texts:
  - {text: safe_contact, on: outward, words: Take care., source: invented}
forces:
  - {code: 054, name: North}
local_authorities:
  - {la_code: 901, name: Northtown, force: 054}
courts:
  - {prefix: C54, area: 054, name: Crown Court}
limits:
  - {begins: 2024-01-01, source: invented, faulted_files_a_minute: 50}
"""
ROUTES = """\
routes:
  - route: high_risk
    begins: 2024-01-01
    source: invented
    tells_from: 2024-01-01T00:00:00Z
    within: {minutes: 15}
    power: {lawful_basis: invented, gateway: invented, purpose: tests}
    recipients:
      - kind: idva
        asks:
          - {ask: accept, within: {hours: 24}, answers: [accepted, declined]}
      - {kind: dsl, within: {next_session: true}}
"""
AGENCIES = """\
agencies:
  - id: north-idva
    kind: idva
    name: North advocates
    las: [901]
    default: true
    desks: &desks
      - {desk: duty, name: Duty desk}
      - {desk: manager, name: Manager}
      - {desk: strategic, name: Strategic lead}
  - {id: first-school, kind: dsl, name: First School, schools: [900001], desks: *desks}
  - {id: north-mash, kind: mash, name: North front door, default: true, desks: *desks}
  - {id: inspector, kind: duty_inspector, name: Inspector, default: true, desks: *desks}
"""
FILES = {"policy.yaml": POLICY, "routes.yaml": ROUTES, "agencies.yaml": AGENCIES}
