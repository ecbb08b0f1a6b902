#include "oci/json_list.h"

#include "unit.h"

static struct oci_json_list find(const char *text) {
  struct oci_json_list list;
  CHECK(oci_json_list_find(text, strlen(text), "list", &list) == 0, "not found in %s", text);
  return list;
}

static void items_are_found_whatever_stands_around_them(void **state) {
  (void)state;
  static const struct {
    const char *text, *value;
    size_t count;
    const char *items[4];
  } rows[] = {
      {"{\"list\":[1,2,3]}", "[1,2,3]", 3, {"1", "2", "3"}},
      {" { \"a\" : [ \"list\" , [ ] ] , \"list\"\n: [ {\"x\":[1,2]} , \"]\" ] , \"b\":0 } ",
       "[ {\"x\":[1,2]} , \"]\" ]",
       2,
       {"{\"x\":[1,2]}", "\"]\""}},
      {"{\"a\":{\"list\":[9]},\"list\":[true,null,-1.5e3,[]]}",
       "[true,null,-1.5e3,[]]",
       4,
       {"true", "null", "-1.5e3", "[]"}},
      {"{\"\\\"list\":[0],\"b\":\"\\\\\",\"list\":[\"\\\",\\\\\",{\"}\":\"{\"}]}",
       "[\"\\\",\\\\\",{\"}\":\"{\"}]",
       2,
       {"\"\\\",\\\\\"", "{\"}\":\"{\"}"}},
      {"{\"list\":[ ]}", "[ ]", 0, {0}},
      {"{\"list\":null}", "null", 0, {0}},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct oci_json_list list = find(rows[i].text);
    CHECK(list.count == rows[i].count, "row %zu: %zu items", i, list.count);
    CHECK(list.end - list.start == strlen(rows[i].value) &&
              memcmp(rows[i].text + list.start, rows[i].value, list.end - list.start) == 0,
          "row %zu: the value is %zu to %zu", i, list.start, list.end);
    for (size_t n = 0; n < list.count; n++)
      CHECK(list.items[n].end - list.items[n].start == strlen(rows[i].items[n]) &&
                memcmp(rows[i].text + list.items[n].start, rows[i].items[n],
                       strlen(rows[i].items[n])) == 0,
            "row %zu, item %zu", i, n);
    free(list.items);
  }
}

static void a_text_without_the_key_or_broken_has_no_list(void **state) {
  (void)state;
  static const char *const texts[] = {
      "{}",       "[]",   "",  "{\"other\":[1]}", "{\"l\\u0069st\":[1]}", "{\"list\"",
      "{\"a\":1", "{\"a", "{:"};
  struct oci_json_list list;
  for (size_t i = 0; i < COUNT(texts); i++)
    CHECK(oci_json_list_find(texts[i], strlen(texts[i]), "list", &list) == -1, "%s", texts[i]);
}

static void all_bytes_but_the_items_stay(void **state) {
  (void)state;
  static const struct {
    const char *text;
    bool kept[4];
    const char *cut;
  } rows[] = {
      {"{\"a\":1,\"list\":[1,2,3],\"b\":2}", {1, 1, 1}, "{\"a\":1,\"list\":[1,2,3],\"b\":2}"},
      {"{\"list\":[1,2,3]}", {1, 0, 0}, "{\"list\":[1]}"},
      {"{\"list\":[1,2,3]}", {0, 1, 0}, "{\"list\":[2]}"},
      {"{\"list\":[1,2,3]}", {0, 1, 1}, "{\"list\":[2,3]}"},
      {"{\"list\":[1,2,3]}", {1, 0, 1}, "{\"list\":[1,3]}"},
      {"{\"list\":[1,2,3]}", {0, 0, 0}, "{\"list\":[]}"},
      {"{\n \"list\": [\n  1,\n  2,\n  3\n ]\n}\n",
       {0, 1, 1},
       "{\n \"list\": [\n  2,\n  3\n ]\n}\n"},
      {"{\n \"list\": [\n  1,\n  2,\n  3\n ]\n}\n", {1, 0, 0}, "{\n \"list\": [\n  1\n ]\n}\n"},
      {"{\"list\": [ ]}", {0}, "{\"list\": [ ]}"},
      {"{\"list\":null }", {0}, "{\"list\":null }"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct oci_json_list list = find(rows[i].text);
    size_t len;
    char *cut = oci_json_list_cut(rows[i].text, strlen(rows[i].text), &list, rows[i].kept, &len);
    CHECK_STRING(cut, rows[i].cut, rows[i].text);
    assert_int_equal(len, strlen(cut));
    free(cut);
    free(list.items);
  }
}

static void an_item_is_added_at_the_end(void **state) {
  (void)state;
  static const char *const rows[][2] = {
      {"{\"list\":[1,2],\"b\":2}", "{\"list\":[1,2,{}],\"b\":2}"},
      {"{\"list\": [\n 1\n]}\n", "{\"list\": [\n 1,{}\n]}\n"},
      {"{\"list\":[ ]}", "{\"list\":[{} ]}"},
      {"{\"list\": null, \"b\": 2}", "{\"list\": [{}], \"b\": 2}"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct oci_json_list list = find(rows[i][0]);
    size_t len;
    char *text = oci_json_list_add(rows[i][0], strlen(rows[i][0]), &list, "{}", &len);
    CHECK_STRING(text, rows[i][1], rows[i][0]);
    assert_int_equal(len, strlen(text));
    free(text);
    free(list.items);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(items_are_found_whatever_stands_around_them),
      cmocka_unit_test(a_text_without_the_key_or_broken_has_no_list),
      cmocka_unit_test(all_bytes_but_the_items_stay),
      cmocka_unit_test(an_item_is_added_at_the_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
