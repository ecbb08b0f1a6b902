#include "net/endpoint.h"

#include "unit.h"

enum { WAITS = 11 };

struct scene {
  struct loop *loop;
  struct endpoints *all;
  struct gate_wait waits[WAITS];
  int entered;
};

static struct scene scene;

static void on_entered(struct gate_wait *wait) {
  assert_true(wait->refused_ms == 0);
  if (++scene.entered == WAITS)
    loop_stop(scene.loop);
}

static int make(void **state) {
  (void)state;
  scene = (struct scene){0};
  if (loop_new(&scene.loop, NULL) < 0)
    return -1;
  static const char *const plain[] = {"registry.test:5000", NULL};
  static const char *const tls[] = {"127.0.0.1:5001", NULL};
  scene.all = endpoints_new(&(struct endpoints_spec){
      .loop = scene.loop, .plain_http = plain, .tls = tls, .max_connections = 64});
  return 0;
}

static int drop(void **state) {
  (void)state;
  endpoints_free(scene.all);
  loop_free(scene.loop);
  return 0;
}

static void each_host_has_one_and_its_scheme(void **state) {
  (void)state;
  struct endpoint *hub = endpoints_get(scene.all, "docker.io", "registry-1.docker.io", false);
  assert_ptr_equal(hub, endpoints_get(scene.all, "docker.io", "registry-1.docker.io", false));
  assert_string_equal(hub->base_url, "https://registry-1.docker.io");
  assert_string_equal(
      endpoints_get(scene.all, "registry.test:5000", "registry.test:5000", false)->base_url,
      "http://registry.test:5000");
  assert_string_equal(endpoints_get(scene.all, "127.0.0.1:5000", "127.0.0.1:5000", true)->base_url,
                      "http://127.0.0.1:5000");
  assert_string_equal(endpoints_get(scene.all, "127.0.0.1:5001", "127.0.0.1:5001", true)->base_url,
                      "https://127.0.0.1:5001");
}

static const char *url_of(const char *name, struct endpoint_settings settings) {
  endpoints_configure(scene.all, name, &settings);
  return endpoints_get(scene.all, name, name, strncmp(name, "127.", 4) == 0)->base_url;
}

static void a_host_s_own_settings_give_way_to_the_lists(void **state) {
  (void)state;
  assert_string_equal(url_of("a.test", (struct endpoint_settings){.plain_http = true}),
                      "http://a.test");
  assert_string_equal(url_of("127.0.0.1:7", (struct endpoint_settings){.tls = true}),
                      "https://127.0.0.1:7");
  assert_string_equal(url_of("127.0.0.1:5001", (struct endpoint_settings){.plain_http = true}),
                      "https://127.0.0.1:5001");
  assert_string_equal(url_of("registry.test:5000", (struct endpoint_settings){.tls = true}),
                      "http://registry.test:5000");
}

static void a_paced_one_is_asked_so_often_a_second(void **state) {
  (void)state;
  endpoints_configure(scene.all, "a.test",
                      &(struct endpoint_settings){.requests_per_second = 50, .chunk_size = 7});
  struct endpoint *endpoint = endpoints_get(scene.all, "a.test", "a.test", false);
  assert_int_equal(endpoint->chunk_size, 7);
  for (int i = 0; i < WAITS; i++) {
    gate_wait_init(&scene.waits[i], on_entered);
    gate_enter(endpoint->gate, &scene.waits[i], (enum gate_kind)(i % GATE_KINDS), false);
  }
  uint64_t began = loop_now(scene.loop);
  loop_run(scene.loop);
  assert_in_range(loop_now(scene.loop) - began, 195, 600);
  for (int i = 0; i < WAITS; i++)
    gate_leave(&scene.waits[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(each_host_has_one_and_its_scheme, make, drop),
      cmocka_unit_test_setup_teardown(a_host_s_own_settings_give_way_to_the_lists, make, drop),
      cmocka_unit_test_setup_teardown(a_paced_one_is_asked_so_often_a_second, make, drop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
