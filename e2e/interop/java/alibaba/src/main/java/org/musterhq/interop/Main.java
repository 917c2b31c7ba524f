package org.musterhq.interop;

import com.alibaba.cloud.nacos.registry.NacosRegistration;
import com.alibaba.cloud.nacos.registry.NacosServiceRegistry;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.client.discovery.DiscoveryClient;
import org.springframework.context.ConfigurableApplicationContext;

/** A Spring Boot application with Spring Cloud Alibaba's starter. It is told what to do on standard input. */
@SpringBootApplication
public class Main {
    public static void main(String[] args) throws Exception {
        ConfigurableApplicationContext context = SpringApplication.run(Main.class, args);
        DiscoveryClient discovery = context.getBean(DiscoveryClient.class);
        NacosServiceRegistry registry = context.getBean(NacosServiceRegistry.class);
        NacosRegistration self = context.getBean(NacosRegistration.class);
        say("STARTED");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) {
            String[] word = line.split(" ");
            try {
                switch (word[0]) {
                    case "sees":
                        say("SEES " + discovery.getInstances(word[1]).size());
                        break;
                    case "services":
                        say("SERVICES " + String.join(",", discovery.getServices()));
                        break;
                    case "enabled": // What the actuator's serviceregistry endpoint does.
                        registry.setStatus(self, word[1].equals("true") ? "UP" : "DOWN");
                        say("DONE");
                        break;
                    case "stop":
                        SpringApplication.exit(context);
                        say("STOPPED");
                        System.exit(0);
                        break;
                    default:
                        say("UNKNOWN " + line);
                }
            } catch (RuntimeException e) { // The registry could not be asked.
                say("FAILED " + e);
            }
        }
        System.exit(1); // The test is gone.
    }

    private static void say(String what) {
        System.out.println("@ " + what);
    }
}
