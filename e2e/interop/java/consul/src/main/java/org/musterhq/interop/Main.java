package org.musterhq.interop;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.List;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.actuate.health.Health;
import org.springframework.boot.actuate.health.HealthIndicator;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.client.ServiceInstance;
import org.springframework.cloud.client.discovery.DiscoveryClient;
import org.springframework.cloud.client.discovery.event.HeartbeatEvent;
import org.springframework.cloud.consul.serviceregistry.ConsulRegistration;
import org.springframework.cloud.consul.serviceregistry.ConsulServiceRegistry;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.event.EventListener;

/** A Spring Boot application with the Consul starter and an actuator. It is told what to do on standard input. */
@SpringBootApplication
public class Main {
    private final DiscoveryClient discovery;
    /** What the registry listed when the catalog watch last said that something has changed. */
    private volatile List<String> watched = List.of();
    private volatile boolean well = true;

    public Main(DiscoveryClient discovery) {
        this.discovery = discovery;
    }

    public static void main(String[] args) throws Exception {
        ConfigurableApplicationContext context = SpringApplication.run(Main.class, args);
        Main main = context.getBean(Main.class);
        ConsulServiceRegistry registry = context.getBean(ConsulServiceRegistry.class);
        ConsulRegistration self = context.getBean(ConsulRegistration.class);
        say("STARTED");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) {
            String[] word = line.split(" ");
            try {
                switch (word[0]) {
                    case "status" -> { // What the actuator's serviceregistry endpoint does.
                        registry.setStatus(self, word[1]);
                        say("STATUS " + registry.getStatus(self));
                    }
                    case "health" -> {
                        main.well = word[1].equals("UP");
                        say("HEALTH " + word[1]);
                    }
                    case "sees" -> say("SEES " + main.discovery.getInstances(word[1]).size());
                    case "where" -> say("WHERE " + main.where(word[1]));
                    case "watched" -> say("WATCHED " + main.watched.contains(word[1]));
                    case "stop" -> {
                        SpringApplication.exit(context);
                        say("STOPPED");
                        System.exit(0);
                    }
                    default -> say("UNKNOWN " + line);
                }
            } catch (RuntimeException e) { // The registry could not be asked.
                say("FAILED " + e);
            }
        }
        System.exit(1); // The test is gone.
    }

    @EventListener
    public void changed(HeartbeatEvent event) {
        watched = discovery.getServices();
    }

    @Bean
    public HealthIndicator wellbeing() {
        return () -> (well ? Health.up() : Health.down()).build();
    }

    /** The first instance of a service as this client reads it. */
    private String where(String service) {
        List<ServiceInstance> all = discovery.getInstances(service);
        if (all.isEmpty()) {
            return "nowhere";
        }
        ServiceInstance i = all.get(0);
        return i.getInstanceId() + " " + i.getUri() + " " + i.getMetadata().get("client");
    }

    private static void say(String what) {
        System.out.println("@ " + what);
    }
}
